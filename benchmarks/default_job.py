"""Measure how the default job decides cells over time: python -m benchmarks.default_job [minutes=10].

Runs space=lstm_depth once, with the default budget except for its minutes. A cell is decided when the last
trial that its verdict needs has ended, according to the records.
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

from benchmarks.arguments import parse_arguments
from benchmarks.results_file import table, write_results
from failmap.analysis.load import Run, load_run
from failmap.analysis.verdict import judge
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord

MOMENTS = (1, 2, 3, 4, 5, 10)


def decided_at(run: Run, began: float) -> list[tuple[float, str]]:
    """Return seconds since the start and verdict of each cell that was decided, in order."""
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
    """Run the job and write the results file."""
    minutes = parse_arguments(minutes=10.0).minutes
    with tempfile.TemporaryDirectory() as storage:
        began, clock = time.time(), time.monotonic()
        arguments = [
            "space=lstm_depth",
            "budget=quick",
            f"budget.minutes={minutes:g}",
            f"storage={storage}",
            "run=job",
        ]
        subprocess.run(
            [sys.executable, "-m", "search.run", *arguments], check=True, stdout=subprocess.DEVNULL
        )
        wall = time.monotonic() - clock
        run = load_run(RunFolder(Path(storage) / "job"))
        histories = [run.history(record.number) for record in run.records]
    cells = decided_at(run, began)
    num_cells = math.prod(len(run.config.map_values[path]) for path in run.config.map_paths[:2])
    rows = []
    for moment in (moment for moment in MOMENTS if moment <= minutes):
        states = [state for seconds, state in cells if seconds <= 60 * moment]
        rows.append((moment, len(states), states.count("learns"), states.count("fails"), num_cells))
    cores = os.cpu_count() or 1
    seconds = sum(history[-1].seconds for history in histories if history)
    remarks = (
        f"One run of {wall:.0f} s, including start-up and report; {len(run.records)} trials. "
        f"Seconds in training / (cores x wall seconds): {seconds / (cores * wall):.2f}; "
        "each trial has one thread."
    )
    decided = table(("after, min", "cells decided", "learns", "fails", "of"), rows)
    write_results("default_job", "The default job", f"{remarks}\n\n{decided}")


if __name__ == "__main__":
    main()
