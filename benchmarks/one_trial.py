"""Run one short trial of a shipped space from the command line and return digests of its files.

Nothing of Failmap is imported here, because the folder whose code runs may hold any revision of it.
"""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: Long enough for warm-ups, schedules and every probe, yet shorter than the start of Ray.
SHORT = ("train.max_updates=200", "train.evaluate_every=20")
#: On one thread of a CPU, training is reproducible bit for bit.
ON_ONE_CPU = ("budget=quick", "budget.trials=1", "cluster.cpus=1", "cluster.gpus_per_trial=0")
#: Fields that differ between two runs of the same code: times, durations and the host name.
OF_THE_CLOCK = frozenset({"seconds", "started", "ended", "at", "host"})
MAX_SECONDS = 300
#: The message if Ray does not start within its 30 seconds, which says nothing about the code.
TOO_BUSY = "Ray cannot start on this machine"
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Traces:
    """Digests of a trial's files.

    Attributes:
        outcome: outcome in the record: learned, failed, ...
        num_evaluations: number of lines of the history.
        history, record: digests of the two files, without the fields in `OF_THE_CLOCK`.
    """

    outcome: str
    num_evaluations: int
    history: str
    record: str


class NotRunError(Exception):
    """A trial did not end. The message gives the reason in one line."""


def run_one_trial(space: str, folder: Path, scratch: Path) -> Traces:
    """Run one trial of a space with the code in `folder`; its files are written under `scratch`.

    Raises:
        NotRunError: if the program fails, takes too long, or writes no trial.
    """
    for attempt in range(1, MAX_ATTEMPTS):
        try:
            return _run(space, folder, scratch / space / str(attempt))
        except NotRunError as error:
            if TOO_BUSY not in str(error):
                raise
    return _run(space, folder, scratch / space / str(MAX_ATTEMPTS))


def _run(space: str, folder: Path, storage: Path) -> Traces:
    storage.mkdir(parents=True)
    command = [sys.executable, "-m", "search.run", f"space={space}", f"run={space}", f"storage={storage}"]
    arguments = [*ON_ONE_CPU, *SHORT, *_special_arguments(space, storage)]
    try:
        done = subprocess.run(
            [*command, *arguments],
            cwd=folder,
            # First on every worker's path, too: an installed Failmap may be another revision.
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotRunError(f"took more than {MAX_SECONDS} s") from None
    if done.returncode:
        raise NotRunError(f"exit status {done.returncode}: {_error_line(done.stdout)}")
    trials = sorted((storage / space / "trials").iterdir())
    if len(trials) != 1:
        raise NotRunError(f"left {len(trials)} trials, not one")
    return _traces(trials[0], storage)


def _special_arguments(space: str, storage: Path) -> list[str]:
    """Return the arguments that a space needs beside its name."""
    if space == "precision":
        return ["train.precision=fp32"]  # Few processors have bf16.
    if space != "my_data":
        return []
    inputs = np.random.RandomState(0).normal(size=(3000, 6, 2))
    np.savez(storage / "sums.npz", inputs=inputs, targets=inputs.sum((1, 2)) > 0)
    return ["task=array_file", f"task.path={storage / 'sums.npz'}"]


def _error_line(output: str) -> str:
    """Return the program's first error line, or its last line if there is none."""
    lines = output.strip().splitlines() or ["it printed nothing"]
    return next((line for line in lines if line.startswith("error:")), lines[-1])


def _traces(trial: Path, storage: Path) -> Traces:
    # Paths of the user's files are recorded, and the storage differs in every run.
    history, record = (
        (trial / name).read_text(encoding="utf-8").replace(str(storage), "STORAGE")
        for name in ("history.jsonl", "record.json")
    )
    evaluations = [json.loads(line) for line in history.splitlines()]
    summary = json.loads(record)["summary"]
    if not evaluations or summary is None:
        raise NotRunError("left a trial without an end")
    return Traces(summary["outcome"], len(evaluations), _digest(evaluations), _digest(json.loads(record)))


def _digest(value: Any) -> str:
    text = json.dumps(_without_clock(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _without_clock(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_clock(inner) for key, inner in value.items() if key not in OF_THE_CLOCK}
    if isinstance(value, list):
        return [_without_clock(inner) for inner in value]
    return value
