"""Measure how long a run of many trials takes to read, with verdicts from nothing and with kept ones.

    python -m benchmarks.reading [trials=10000] [folders=.] [repeats=1]

The run is made of the recorded trainings of `benchmarks.diagnosis`, with all their signals; half of its
trials failed. `folders` holds the revisions whose code reads it, separated by commas: compare them in one
call, in turn, since machines are busy with other work. CPU seconds include those of all processes.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from benchmarks.arguments import parse_arguments
from benchmarks.diagnosis.case import HALVES
from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.recorded import read_recorded, recorded_file
from benchmarks.results_file import table
from failmap.run_folder.paths import RunFolder

LENGTHS, DEPTHS = tuple(range(2, 12)), (1, 2, 3, 4, 5)
CONFIG = {
    "run": "many",
    "space": {
        "name": "lstm_depth",
        "map": {"x": "task.sequence_length", "y": "model.depth"},
        "axes": [
            {"path": "task.sequence_length", "values": list(LENGTHS)},
            {"path": "model.depth", "values": list(DEPTHS)},
        ],
    },
}
#: Prints seconds and CPU seconds of each stage as JSON; run by the code that is measured.
READER = """
import json, os, sys, time
from pathlib import Path
from failmap.analysis.load import load_run
from failmap.run_folder.paths import RunFolder

def now():
    return time.perf_counter(), sum(os.times()[:4])

marks = [now()]
run = load_run(RunFolder(Path(sys.argv[1])))
marks.append(now())
run.explanations
marks.append(now())
run.table
marks.append(now())
pairs = [*zip(marks, marks[1:]), (marks[0], marks[-1])]
print(json.dumps([[after - before for before, after in zip(*pair)] for pair in pairs]))
"""
STAGES = ("records", "verdicts", "table", "all")


def main() -> None:
    """Make a run, let each revision read it, and print a row for each stage."""
    asked = parse_arguments(trials=10_000, folders=".", repeats=1)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        run = RunFolder(Path(scratch) / "many")
        make_run(run, asked.trials)
        for _, folder in itertools.product(range(asked.repeats), asked.folders.split(",")):
            Path(str(run.causes)).unlink(missing_ok=True)
            for verdicts in ("from nothing", "kept"):
                measured = zip(STAGES, read(run, Path(folder).resolve()), strict=True)
                rows += [
                    (folder, verdicts, stage, f"{wall:.1f}", f"{cpu:.1f}") for stage, (wall, cpu) in measured
                ]
    print(table(("revision", "verdicts", "stage", "s", "CPU s"), rows))


def make_run(run: RunFolder, num_trials: int) -> None:
    """Write a run whose trials are learned and failed ones in turn."""
    recorded = [one for half in HALVES if recorded_file(half).exists() for one in read_recorded(half)]
    trainings = {
        outcome: itertools.cycle([one for one in recorded if one.record.outcome == outcome])
        for outcome in ("learned", "failed")
    }
    cells = itertools.cycle(itertools.product(LENGTHS, DEPTHS))
    Path(str(run.trials)).mkdir(parents=True)
    Path(str(run.config)).write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    for number in range(num_trials):
        training = next(trainings["failed" if number % 2 else "learned"])
        length, depth = next(cells)
        cell = {"task.sequence_length": length, "model.depth": depth}
        record = replace(training.record, number=number, seed=number, cell=cell)
        folder = Path(str(run.trial(number).path))
        folder.mkdir()
        (folder / "record.json").write_text(record.to_json(), encoding="utf-8")
        (folder / "history.jsonl").write_text("".join(_lines(training)), encoding="utf-8")


def _lines(training: Labelled) -> Iterator[str]:
    for evaluation in training.history:
        yield evaluation.to_line() + "\n"


def read(run: RunFolder, folder: Path) -> list[list[float]]:
    """Return seconds and CPU seconds of each stage of reading a run with the code in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", READER, str(run.path)],
        # An installed Failmap may be another revision.
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    stages: list[list[float]] = json.loads(done.stdout)
    return stages


if __name__ == "__main__":
    main()
