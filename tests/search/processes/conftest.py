"""Drivers as a user starts them: processes of their own, on a local Ray of their own."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord
from tests.search.long_runs import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]

#: Some seconds of training in trials of half a second, with dropout, on two slots.
WORDS = (
    "space=smoke",
    "task=adding",
    "task.sequence_length=10,20",
    "model.depth=1,2",
    "model.hidden_size=16",
    "model.dropout=0.1",
    "train.max_updates=300",
    "train.evaluate_every=20",
    "budget.seeds=3",
    "budget.max_seeds=3",
    "cluster.cpus=2",
)


class Driver:
    """A search in a process of its own, and what it has printed until now."""

    def __init__(self, module: str, *words: str, cwd: Path = ROOT) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            # On the CPU, whatever the machine has: histories are compared with those of this process.
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "CUDA_VISIBLE_DEVICES": ""},
            # A signal to its process group does not reach the tests.
            process_group=0,
        )
        self.output = ""
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._grown:
                self.output += line
                self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds, looking whenever a line is printed and a few times a second."""
        with self._grown:
            for _ in range(10 * PATIENCE_SECONDS):
                if condition():
                    return
                assert self.process.poll() is None, self.output
                self._grown.wait(timeout=0.1)
        raise AssertionError(f"it never came to that:\n{self.output}")

    def end(self) -> int:
        """Waits for the end and returns the exit status."""
        status = self.process.wait(timeout=PATIENCE_SECONDS)
        self.close()
        return status

    def close(self) -> None:
        """Kills it if it is alive, and lets its output go."""
        self.process.kill()
        self.process.wait()
        self._reader.join(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def workers(self) -> list[psutil.Process]:
        """The processes of its trials."""
        return [
            child
            for child in psutil.Process(self.process.pid).children(recursive=True)
            if "Trainable" in _command_of(child)
        ]

    def kill_worker(self) -> bool:
        """Kill one of its workers; False if it has none at this moment (one may end between two looks)."""
        for worker in self.workers():
            with suppress(psutil.NoSuchProcess):
                worker.kill()
                return True
        return False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Its trials stand still meanwhile: those under way stay so, however long it takes."""
        workers = self.workers()
        for worker in workers:
            worker.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for worker in workers:
                with suppress(psutil.NoSuchProcess):
                    worker.send_signal(signal.SIGCONT)


def _command_of(process: psutil.Process) -> str:
    """Empty where it has died meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@pytest.fixture
def start() -> Iterator[Callable[..., Driver]]:
    """Starts drivers; those still alive at the end are killed."""
    drivers: list[Driver] = []

    def begin(module: str, *words: str, cwd: Path = ROOT) -> Driver:
        drivers.append(Driver(module, *words, cwd=cwd))
        return drivers[-1]

    yield begin
    for driver in drivers:
        driver.close()


def records(folder: RunFolder) -> list[TrialRecord]:
    """Every record that is there. They alone are read: who waits for one looks a few times a second."""
    found = [TrialRecord.from_json(path.read_bytes()) for path in folder.trials.glob("*/record.json")]
    return sorted(found, key=lambda record: record.number)


def ended(folder: RunFolder) -> dict[int, str]:
    """The outcomes of the trials that have ended, by number."""
    return {
        record.number: record.summary.outcome
        for record in records(folder)
        if record.summary is not None and record.summary.outcome is not None
    }


def history(folder: RunFolder, number: int) -> list[dict[str, Any]]:
    """A trial's evaluations without their timings."""
    lines = folder.trial(number).history.read_text(encoding="utf-8").splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]
