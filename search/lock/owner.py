"""Which process a driver is, told by what no change of the clock moves."""

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from failmap.analysis.printable import printable


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
