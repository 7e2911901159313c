"""Results files of the benchmarks: a table, and the command, revision, hardware and versions behind it."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def write_results(theme: str, title: str, body: str, hardware: str | None = None) -> Path:
    """Write results/<theme>_<hardware>_<date>.md, print it, and return its path.

    Args:
        theme: the subject, in one word.
        title: the heading.
        body: tables and remarks in Markdown.
        hardware: one word for the machine; the number of CPUs by default.
    """
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    machine = hardware or f"{os.cpu_count()}cpu"
    program = Path(sys.argv[0]).resolve().relative_to(Path(__file__).resolve().parent)
    names = [name for name in program.with_suffix("").parts if name != "__main__"]
    command = " ".join(["python", "-m", ".".join(["benchmarks", *names]), *sys.argv[1:]])
    text = f"""# {title}

{body.strip()}

{provenance(command)}"""
    path = RESULTS / f"{theme}_{re.sub(r'[^A-Za-z0-9]+', '-', machine)}_{today}.md"
    RESULTS.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(text)
    return path


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    assert all(len(line) == len(columns) for line in lines), "one cell per column"
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def provenance(command: str) -> str:
    """Return the command, date, revision, hardware and versions of a measurement, in Markdown."""
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
    versions = [f"Python {platform.python_version()}"]
    for name in ("torch", "ray", "optuna"):
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(versions)


def _revision() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=False, cwd=RESULTS.parent
        )
        return done.stdout.strip()

    changed = " with uncommitted changes" if git("status", "--porcelain", "--", "*.py") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed
