"""One short trial of a shipped space, run as a user runs it, and the digests of what it left.

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

#: Long enough for warm-ups, schedules and every probe; short enough that starting Ray takes longer.
SHORT = ("train.max_updates=200", "train.evaluate_every=20")
#: On a CPU and on one thread a training is the same, bit for bit, every time.
ON_ONE_CPU = ("budget=quick", "budget.trials=1", "cluster.cpus=1", "cluster.gpus_per_trial=0")
#: What differs between two runs of the same code: moments, durations, and the machine's name.
OF_THE_CLOCK = frozenset({"seconds", "started", "ended", "at", "host"})
MAX_SECONDS = 300
#: How the program ends where Ray does not start within its 30 seconds, which says nothing of the code.
TOO_BUSY = "Ray cannot start on this machine"
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Traces:
    """What a trial left behind.

    Attributes:
        outcome: as the record tells it: learned, failed, ...
        num_evaluations: lines of its history.
        history, record: digests of the two files, without what depends on the clock.
    """

    outcome: str
    num_evaluations: int
    history: str
    record: str


class NotRunError(Exception):
    """A trial did not come to its end. The message says why, in one line."""


def run_one_trial(space: str, folder: Path, scratch: Path) -> Traces:
    """Run one trial of a space with the code in `folder`, and return what it left under `scratch`.

    Raises:
        NotRunError: the program failed, took too long, or left no trial.
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
    words = [*ON_ONE_CPU, *SHORT, *_words_of_its_own(space, storage)]
    try:
        done = subprocess.run(
            [*command, *words],
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
        raise NotRunError(f"exit status {done.returncode}: {_complaint(done.stdout)}")
    trials = sorted((storage / space / "trials").iterdir())
    if len(trials) != 1:
        raise NotRunError(f"left {len(trials)} trials, not one")
    return _traces(trials[0], storage)


def _words_of_its_own(space: str, storage: Path) -> list[str]:
    """Return what a space needs beyond its name."""
    if space == "precision":
        return ["train.precision=fp32"]  # Few processors have bf16.
    if space != "my_data":
        return []
    inputs = np.random.RandomState(0).normal(size=(3000, 6, 2))
    np.savez(storage / "sums.npz", inputs=inputs, targets=inputs.sum((1, 2)) > 0)
    return ["task=array_file", f"task.path={storage / 'sums.npz'}"]


def _complaint(output: str) -> str:
    """Return the program's first line of error, or else its last line."""
    lines = output.strip().splitlines() or ["it printed nothing"]
    return next((line for line in lines if line.startswith("error:")), lines[-1])


def _traces(trial: Path, storage: Path) -> Traces:
    # A user's file is recorded with its path, and that is another folder every time.
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
