"""The default job: cells decided over time, and how busy the cores are.

python -m benchmarks.default_job [minutes=10]: one run of space=lstm_depth with the default budget but for its
minutes. When a cell was decided is read from the records: the moment its last trial ended that the verdict
needed.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from benchmarks.results_file import write_results
from failmap.analysis.load import Run, load_run
from failmap.analysis.verdict import judge
from failmap.run_folder.paths import RunFolder

MOMENTS = (1, 2, 3, 4, 5, 10)


def decided_at(run: Run, began: float) -> list[tuple[float, str]]:
    """Seconds since the start at which each cell was decided, and as what."""
    results: dict[tuple[object, ...], list[TrialRecord]] = defaultdict(list)
    decided: dict[tuple[object, ...], tuple[float, str]] = {}
    ended = [record for record in run.records if record.summary is not None and record.ended is not None]
    for record in sorted(ended, key=lambda record: record.ended or ""):
        cell = tuple(record.cell.values())
        results[cell].append(record)
        state = judge(results[cell]).state
        if state in ("learns", "fails") and cell not in decided:
            decided[cell] = (datetime.fromisoformat(record.ended or "").timestamp() - began, state)
    return sorted(decided.values())


def main() -> None:
    """Runs the job and reads its records."""
    minutes = float(dict(word.split("=") for word in sys.argv[1:]).get("minutes", 10))
    with tempfile.TemporaryDirectory() as storage:
        began, clock = time.time(), time.monotonic()
        words = [
            "space=lstm_depth",
            "budget=quick",
            f"budget.minutes={minutes:g}",
            f"storage={storage}",
            "run=job",
        ]
        subprocess.run([sys.executable, "-m", "search.run", *words], check=True, stdout=subprocess.DEVNULL)
        wall = time.monotonic() - clock
        run = load_run(RunFolder(Path(storage) / "job"))
        histories = [run.history(record.number) for record in run.records]
    cells = decided_at(run, began)
    num_cells = math.prod(len(run.config.map_values[path]) for path in run.config.map_paths[:2])
    lines = ["| after, min | cells decided | learns | fails | of |", "|---|---|---|---|---|"]
    for moment in (moment for moment in MOMENTS if moment <= minutes):
        states = [state for seconds, state in cells if seconds <= 60 * moment]
        lines.append(
            f"| {moment} | {len(states)} | {states.count('learns')} | {states.count('fails')} | {num_cells} |"
        )
    cores = os.cpu_count() or 1
    seconds = sum(history[-1].seconds for history in histories if history)
    remarks = (
        f"One run of {wall:.0f} s, start-up and report included; {len(run.records)} trials. "
        f"Seconds in training / (cores x wall seconds): {seconds / (cores * wall):.2f}; "
        "a trial has one thread."
    )
    write_results("default_job", "The default job", f"{remarks}\n\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
