"""Drivers as users start them: processes of their own, on a Ray of their own, and how they are ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]

#: Exit statuses that a driver may have: over, refused or stopped by its storage, Ctrl-C, killed by us.
TOLD_STATUSES = (0, 2, 130, -signal.SIGKILL)


class Driver:
    """One process of `python -m <module>`, in a process group of its own as a terminal makes it."""

    def __init__(self, module: str, *words: str, output: Path, environment: Mapping[str, str]) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self.family: set[psutil.Process] = set()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    @property
    def said(self) -> str:
        """What it has printed until now."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> bool:
        """kill -9 of the driver alone: what it started is left to find out. Returns whether it ran."""
        was_alive = self.is_alive
        self.note_family()
        self.process.kill()
        self.process.wait()
        return was_alive

    def ctrl_c(self) -> None:
        """SIGINT to the whole process group, as a terminal sends it."""
        if self.is_alive:
            os.killpg(self.process.pid, signal.SIGINT)

    def wait(self, seconds: float) -> int | None:
        """The exit status; None where it still runs after these seconds."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def wait_until(self, condition: Callable[[], bool], seconds: float = 60.0) -> bool:
        """Waits for a condition; False where the driver ends or the time is spent before it holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            if not self.is_alive:
                return False
            time.sleep(0.02)
        return False

    def workers(self) -> list[psutil.Process]:
        """The processes of its trials on this machine."""
        return [child for child in self.note_family() if is_worker(child)]

    def note_family(self) -> set[psutil.Process]:
        """Remembers all that it has started, which would be incompatibilities after its death."""
        with suppress(psutil.NoSuchProcess):
            self.family |= set(psutil.Process(self.process.pid).children(recursive=True))
        return self.family

    def sweep(self) -> None:
        """Kills it, and what it has left behind."""
        self.kill()
        kill_all(self.family)


def is_worker(process: psutil.Process) -> bool:
    """Whether a process trains: Ray names it after its actor."""
    try:
        return "TrialActor" in (name := " ".join(process.cmdline())) or "Trainable" in name
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def kill_all(processes: set[psutil.Process]) -> None:
    """kill -9 of those that are still the same processes."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(list(processes), timeout=5)
