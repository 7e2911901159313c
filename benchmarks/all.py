"""Run all benchmarks: python -m benchmarks.all. Takes half an hour on 2 idle cores."""

import subprocess
import sys

THEMES = ("overhead", "loop", "models", "moving_mnist", "memory", "signals", "default_job", "gpu")


def main() -> None:
    """Run each in its own process; exit with status 1 if one of them failed."""
    failed = [
        theme
        for theme in THEMES
        if subprocess.run([sys.executable, "-m", f"benchmarks.{theme}"], check=False).returncode
    ]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
