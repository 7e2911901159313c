"""Every benchmark, one after the other: python -m benchmarks.all. Half an hour on 2 cores, left alone."""

import subprocess
import sys

THEMES = ("overhead", "loop", "models", "moving_mnist", "memory", "signals", "default_job", "gpu")


def main() -> None:
    """Runs each in a process of its own; ends with 1 if one of them failed."""
    failed = [
        theme
        for theme in THEMES
        if subprocess.run([sys.executable, "-m", f"benchmarks.{theme}"], check=False).returncode
    ]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
