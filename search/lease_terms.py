"""Which process a driver is, told by what no change of the clock moves."""

import json
import os
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from failmap.run_folder.errors import UserError, printable
from failmap.run_folder.parsing import ParseError, Plain, parse
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath, store_of


@dataclass(frozen=True)
class Owner:
    """A process.

    Attributes:
        host: name of its machine, for people.
        place: where its process id means something: one boot of a machine and one namespace of process ids.
            A restarted machine is another place, and so is a container.
        pid: process id.
        started: what tells it from a later process with the same id: on Linux its start in clock ticks since
            the machine's start, elsewhere the Unix time of its start, which these systems keep.
    """

    host: str
    place: str
    pid: int
    started: int

    def __str__(self) -> str:
        return f"process {self.pid} on host {printable(self.host)}"

    @classmethod
    def this_process(cls) -> "Owner":
        """The one that asks."""
        started = _started(os.getpid())
        assert started is not None
        return cls(socket.gethostname(), _this_place(), os.getpid(), started)

    @classmethod
    def from_values(cls, values: Any) -> "Owner | None":
        """What `to_values` gave; None where it is anything else."""
        if not isinstance(values, Mapping):
            return None
        host, place, pid, started = (values.get(name) for name in ("host", "place", "pid", "started"))
        if not isinstance(host, str) or not isinstance(place, str):
            return None
        if type(pid) is not int or type(started) is not int or not 0 < pid < 2**31:
            return None
        return cls(host, place, pid, started)

    def to_values(self) -> dict[str, Any]:
        """Its values by name, for JSON."""
        return asdict(self)

    @property
    def is_on_this_host(self) -> bool:
        """Whether this process can tell if it is alive."""
        return self.place == _this_place()

    @property
    def is_alive(self) -> bool:
        """Whether it runs, for a process on this host."""
        return _started(self.pid) == self.started


@cache
def _this_place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()} {uuid.getnode():012x}"


def _started(pid: int) -> int | None:
    """When a process was started; None where there is none, or only its exit status is left."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _started_elsewhere(pid)
    # proc_pid_stat(5): the name in brackets may hold anything; the state is field 3, the start field 22.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _started_elsewhere(pid: int) -> int | None:
    """Off Linux. psutil derives no start from the wall clock there: the system has written it down."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time())
    except psutil.NoSuchProcess:
        return None


#: A term has some 200.
_MAX_BYTES = 100_000


class SupersededError(UserError):
    """Another driver holds the run by now: nothing may be written any more."""


@dataclass(frozen=True)
class Term:
    """What a term's file says.

    Attributes:
        number: from 1.
        owner: who holds it; None where the file was torn by a crash, or says something else.
        token: drawn for this term alone: after somebody has removed the files, numbers begin anew.
        is_released: the holder has given it back.
        content: all of it: it changes with every beat.
    """

    number: int
    owner: Owner | None
    token: str
    is_released: bool
    content: bytes


class Terms:
    """All terms of one run. Every method may raise OSError."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._store = store_of(folder.path)

    def path(self, number: int) -> AnyPath:
        """The file of a term."""
        return self.folder.lock / f"{number}.json"

    def is_there(self, number: int) -> bool:
        """Whether somebody holds this term or has held it."""
        return self._store.exists(self.path(number))

    def last(self) -> Term | None:
        """The term that counts; None where nobody has driven the run yet."""
        # None is ever removed: so the last one is found by doubling and halving.
        above = 1
        while self.is_there(above):
            above *= 2
        below = above // 2
        while above - below > 1:
            middle = (above + below) // 2
            below, above = (middle, above) if self.is_there(middle) else (below, middle)
        return self.read(below) if below else None

    def read(self, number: int) -> Term | None:
        """One term; None where there is none."""
        try:
            content = self._store.read(self.path(number), _MAX_BYTES)
        except FileNotFoundError:
            return None
        try:
            values = parse(dict[str, Plain], content)
        except ParseError:
            values = {}
        token, is_released = str(values.get("token", "")), values.get("released") is True
        return Term(number, Owner.from_values(values), token, is_released, content)

    def create(self, number: int, owner: Owner, token: str) -> bool:
        """Begins a term. False where somebody else was quicker."""
        self._store.make_folder(self.folder.lock)
        return self._store.create(self.path(number), _content(owner, token, beat=0))

    def write(self, number: int, owner: Owner, token: str, *, beat: int, is_released: bool = False) -> None:
        """Writes the holder's own term again."""
        content = _content(owner, token, beat=beat, **({"released": True} if is_released else {}))
        self._store.write(self.path(number), content, survives_power_loss=is_released)


def _content(owner: Owner, token: str, **values: Any) -> bytes:
    return json.dumps({**owner.to_values(), "token": token, **values}).encode()


@dataclass(frozen=True)
class LeaseTiming:
    """Of one lease. Drivers of one run must agree on it.

    Attributes:
        beat_seconds: between two beats of the holder.
        watch_seconds: without a beat after which the holder is taken for dead, by the clock of the one who
            watches: clocks of two machines are never compared.
    """

    beat_seconds: float = 10.0
    watch_seconds: float = 60.0

    @property
    def fresh_seconds(self) -> float:
        """So long after a beat the holder needs not look whether it was superseded."""
        return 2 * self.beat_seconds

    @property
    def stale_seconds(self) -> float:
        """So long after a beat nobody can have superseded the holder; a tenth is left for clocks' rates."""
        return 0.9 * self.watch_seconds


DEFAULT_TIMING = LeaseTiming()


def boottime_seconds() -> float:
    """A clock that nobody sets and that counts while the machine is suspended, where there is one."""
    # Linux' CLOCK_MONOTONIC stands still in a suspended machine, while others count their seconds.
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
