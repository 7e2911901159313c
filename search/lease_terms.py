"""Terms of a run's drivers: which process holds a run, or held it, as files in the run folder."""

import json
import os
import socket
import time
import uuid
from bisect import bisect_left
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import psutil
from pydantic import Field

from failmap.run_folder.errors import UserError, printable
from failmap.run_folder.parsing import ParseError, Whole, parse
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath, store_of

#: The largest term file that is read; ours have some 200 bytes.
_MAX_BYTES = 100_000


class SupersededError(UserError):
    """Another driver has taken over the run: nothing may be written any more."""


@dataclass(frozen=True)
class LeaseTiming:
    """The timing of a lease, on which all drivers of a run must agree.

    Attributes:
        beat_seconds: Seconds between two heartbeats of the holder.
        watch_seconds: Seconds without a heartbeat after which the holder is considered dead, by the clock of
            the observer: clocks of two machines are never compared.
    """

    beat_seconds: float = 10.0
    watch_seconds: float = 60.0

    @property
    def fresh_seconds(self) -> float:
        """How long after a heartbeat the holder relies on it without a look."""
        return 2 * self.beat_seconds

    @property
    def stale_seconds(self) -> float:
        """How long after a heartbeat nobody can have taken over; a tenth is left for the clocks' rates."""
        return 0.9 * self.watch_seconds


DEFAULT_TIMING = LeaseTiming()


@dataclass(frozen=True)
class Owner:
    """A process that drives a run, identified independently of any clock that can be set.

    Attributes:
        host: Name of its machine, for messages.
        place: Scope of its process id: one boot of a machine, and one namespace of process ids. It changes
            with a restart, and differs between containers.
        pid: Process id.
        started: Tells it from a later process with the same id: on Linux its start in clock ticks since boot,
            elsewhere the Unix time of its start, which these systems keep.
    """

    host: str
    place: str
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    started: Whole

    def __str__(self) -> str:
        return f"process {self.pid} on host {printable(self.host)}"

    @classmethod
    def this_process(cls) -> "Owner":
        """Return the current process."""
        started = _start_of(os.getpid())
        assert started is not None
        return cls(socket.gethostname(), _this_place(), os.getpid(), started)

    @property
    def is_alive(self) -> bool:
        """Whether it runs; only valid on its own host."""
        return _start_of(self.pid) == self.started

    @property
    def is_known_dead(self) -> bool:
        """Whether it is certain to be dead; a driver on another host never is."""
        return self.place == _this_place() and not self.is_alive


@cache
def _this_place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode():012x}"


def _start_of(pid: int) -> int | None:
    """Return when a process was started, or None if it does not exist or is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        # proc_pid_stat(5): the name in brackets may contain anything; state is field 3, start time field 22.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    try:
        # Not on Linux, where psutil derives it from the wall clock; other systems store the start itself.
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time())
    except psutil.NoSuchProcess:
        return None


@dataclass(frozen=True)
class _TermFile(Owner):
    """The values of a term's file. `beat` counts the heartbeats, so that each changes the file."""

    token: str = ""
    beat: Whole = 0
    released: bool = False


@dataclass(frozen=True)
class Term:
    """One driver's time at a run, as its file describes it.

    Attributes:
        number: From 1.
        owner: The holder, or None if the file is torn or invalid.
        token: Drawn for this term alone: after the files have been deleted, numbers start over.
        is_released: Whether the holder has released the run.
        content: The content of the file, which changes with every heartbeat.
    """

    number: int
    owner: Owner | None
    token: str
    is_released: bool
    content: bytes

    @property
    def holder(self) -> str:
        """The holder, for messages."""
        return "an unknown process" if self.owner is None else str(self.owner)


class Terms:
    """All terms of one run. Every method may raise OSError."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._store = store_of(folder.path)

    def path(self, number: int) -> AnyPath:
        """Return the file of a term."""
        return self.folder.lock / f"{number}.json"

    def exists(self, number: int) -> bool:
        """Return whether a term has begun."""
        return self._store.exists(self.path(number))

    def last(self) -> Term | None:
        """Return the latest term, or None if the run has had no driver."""
        # No term is ever removed: doubling and bisection find the last one.
        above = 1
        while self.exists(above):
            above *= 2
        first_missing = bisect_left(range(above), True, above // 2 + 1, key=lambda n: not self.exists(n))
        return self.read(first_missing - 1) if first_missing > 1 else None

    def read(self, number: int) -> Term | None:
        """Return one term, or None if it does not exist."""
        try:
            content = self._store.read(self.path(number), _MAX_BYTES)
        except FileNotFoundError:
            return None
        try:
            stored = parse(_TermFile, content)
        except ParseError:
            return Term(number, None, "", is_released=False, content=content)
        owner = Owner(stored.host, stored.place, stored.pid, stored.started)
        return Term(number, owner, stored.token, stored.released, content)

    def create(self, number: int, owner: Owner, token: str) -> bool:
        """Begin a term. Returns False if somebody else was faster."""
        self._store.make_folder(self.folder.lock)
        return self._store.create(self.path(number), _content(owner, token, beat=0))

    def write(self, number: int, owner: Owner, token: str, *, beat: int, is_released: bool = False) -> None:
        """Overwrite the holder's own term."""
        content = _content(owner, token, beat=beat, **({"released": True} if is_released else {}))
        self._store.write(self.path(number), content, survives_power_loss=is_released)


def _content(owner: Owner, token: str, **values: int) -> bytes:
    return json.dumps({**asdict(owner), "token": token, **values}).encode()


def boottime_seconds() -> float:
    """Return the time of a clock that cannot be set and that, on Linux, counts during suspension."""
    # Linux' CLOCK_MONOTONIC stops in a suspended machine, while other machines count their seconds.
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
