"""Writes a benchmark's table where it is committed, with what one must know to believe it."""

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def write_results(theme: str, title: str, body: str, hardware: str | None = None) -> Path:
    """Writes results/<theme>_<hardware>_<date>.md and prints it.

    Args:
        theme: what was measured, one word.
        title: the same in a sentence.
        body: tables and remarks, Markdown.
        hardware: one word for the machine; the number of CPUs where left out.
    """
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    words = hardware or f"{os.cpu_count()}cpu"
    program = Path(sys.argv[0]).resolve().relative_to(Path(__file__).resolve().parent)
    names = [name for name in program.with_suffix("").parts if name != "__main__"]
    command = " ".join(["python", "-m", ".".join(["benchmarks", *names]), *sys.argv[1:]])
    text = f"""# {title}

{body.strip()}

{provenance(command)}"""
    path = RESULTS / f"{theme}_{re.sub(r'[^A-Za-z0-9]+', '-', words)}_{today}.md"
    RESULTS.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(text)
    return path


def provenance(command: str) -> str:
    """What one must know of a measurement: command, date, revision, hardware, versions."""
    return f"""Command: `{command}`
Date: {datetime.now(UTC):%Y-%m-%d}. Revision: {_revision()}.
Hardware: {_cpu()}, {os.cpu_count()} cores. {_versions()}.
"""


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> str:
    told = [f"Python {platform.python_version()}"]
    for name in ("torch", "ray", "optuna"):
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(told)


def _revision() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, check=False, cwd=RESULTS.parent
        )
        return done.stdout.strip()

    changed = " with uncommitted changes" if git("status", "--porcelain", "--", "*.py") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed
