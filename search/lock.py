"""The run's lock: the driver that holds it is the only process that writes the journal."""

import json
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from analysis.errors import UserError
from analysis.records import RunFolder

#: A process' start time is derived from the boot time, which follows corrections of the clock.
_CLOCK_TOLERANCE_SECONDS = 5.0


@dataclass(frozen=True)
class Owner:
    """A process: its start time tells it from a later one with the same id.

    Attributes:
        host: name of its machine.
        pid: process id.
        started: Unix time in seconds.
    """

    host: str
    pid: int
    started: float

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.started, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        return f"process {self.pid} on host {self.host}, started {since}"

    @classmethod
    def this_process(cls) -> "Owner":
        """The one that asks."""
        return cls(socket.gethostname(), os.getpid(), psutil.Process().create_time())

    @classmethod
    def of(cls, lock: Path) -> "Owner | None":
        """Who holds a lock; None where the file does not say so.

        Raises:
            FileNotFoundError: nobody holds it.
        """
        try:
            return cls(**json.loads(lock.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            return None

    @property
    def is_on_this_host(self) -> bool:
        """Whether this machine can tell if it is alive."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether it runs, for a process on this host."""
        try:
            started = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return False
        return abs(started - self.started) < _CLOCK_TOLERANCE_SECONDS


class Lease:
    """The lock, while this process holds it."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def check(self) -> None:
        """Raises UserError where another driver has taken the run over: nothing may be written any more."""
        if Owner.of(self.folder.lock) != Owner.this_process():
            raise UserError(f"run {self.folder.name} was taken over by another driver")

    def release(self) -> None:
        """Gives the lock back, if this process holds it."""
        if self.folder.lock.exists() and Owner.of(self.folder.lock) == Owner.this_process():
            self.folder.lock.unlink()


def take_lease(folder: RunFolder, notice: Callable[[str], None]) -> Lease:
    """Makes this process the run's driver. A lock that a dead process left is taken over, and told.

    Raises:
        UserError: another driver holds it, or may hold it.
        OSError: the folder cannot be written.
    """
    while not _create(folder.lock):
        try:
            owner = Owner.of(folder.lock)
        except FileNotFoundError:
            continue
        if owner is None:
            raise UserError(
                f"{folder.lock} does not say who drives this run: if no driver runs, delete this file"
            )
        if not owner.is_on_this_host:
            raise UserError(
                f"run {folder.name} is driven by {owner}: stop that one first; "
                f"if that host is gone for good, delete {folder.lock}"
            )
        if owner.is_alive:
            raise UserError(f"run {folder.name} is driven by {owner}: stop that one first")
        if _remove_stale(folder.lock, owner):
            notice(f"took over the lock of a driver that died ({owner})")
    return Lease(folder)


def _create(lock: Path) -> bool:
    """Creates the lock file, whole and in this process' name. False where it exists."""
    try:
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(asdict(Owner.this_process())))
        file.flush()
        os.fsync(file.fileno())
    return True


def _remove_stale(lock: Path, dead: Owner) -> bool:
    """Removes a dead process' lock. False where another process was quicker and holds it by now."""
    aside = lock.with_name(f"{lock.name}.{os.getpid()}")
    try:
        lock.rename(aside)
    except FileNotFoundError:
        return False
    if Owner.of(aside) == dead:
        aside.unlink()
        return True
    # What was moved aside belongs to a driver that lives: it must not lose its lock.
    aside.rename(lock)
    return False
