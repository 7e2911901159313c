"""Drivers in separate processes, each with its own Ray, as a user starts them."""

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

#: Exit statuses that a driver may have: ended, refused or stopped by its storage, Ctrl-C, killed by us.
EXPECTED_STATUSES = (0, 2, 130, -signal.SIGKILL)


class Driver:
    """A process of `python -m <module>` in its own process group, as if started from a terminal."""

    def __init__(self, module: str, *arguments: str, output: Path, environment: Mapping[str, str]) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self.descendants: set[psutil.Process] = set()

    @property
    def is_alive(self) -> bool:
        """Return whether it is running."""
        return self.process.poll() is None

    @property
    def output_text(self) -> str:
        """Everything printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> bool:
        """Kill the driver with SIGKILL, but not its children. Return whether it was running."""
        was_alive = self.is_alive
        self.note_descendants()
        self.process.kill()
        self.process.wait()
        return was_alive

    def ctrl_c(self) -> None:
        """Send SIGINT to the whole process group, as a terminal does."""
        if self.is_alive:
            os.killpg(self.process.pid, signal.SIGINT)

    def wait(self, seconds: float) -> int | None:
        """Return the exit status, or None if it is still running after these seconds."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def wait_until(self, condition: Callable[[], bool], seconds: float = 60.0) -> bool:
        """Wait for a condition; return False if the driver ends or the time is spent before."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            if not self.is_alive:
                return False
            time.sleep(0.02)
        return False

    def workers(self) -> list[psutil.Process]:
        """Return the processes of its trials on this machine."""
        return [child for child in self.note_descendants() if is_worker(child)]

    def note_descendants(self) -> set[psutil.Process]:
        """Remember its descendants, which would become orphans after its death, and return them."""
        with suppress(psutil.NoSuchProcess):
            self.descendants |= set(psutil.Process(self.process.pid).children(recursive=True))
        return self.descendants

    def sweep(self) -> None:
        """Kill it and its descendants."""
        self.kill()
        kill_all(self.descendants)


def is_worker(process: psutil.Process) -> bool:
    """Return whether a process trains: Ray names it after its actor."""
    try:
        return "TrialActor" in (name := " ".join(process.cmdline())) or "Trainable" in name
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def kill_all(processes: set[psutil.Process]) -> None:
    """Kill the processes with SIGKILL, except those whose id was reused."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(list(processes), timeout=5)
