"""The lease of a run: one driver at a time, kept alive by heartbeats and taken over from a dead driver."""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Literal

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of
from failmap.search.lease_terms import (
    DEFAULT_TIMING,
    LeaseTiming,
    Owner,
    SupersededError,
    Term,
    Terms,
    boottime_seconds,
)


class Lease:
    """A run held by this process, from `acquire_lease` on. A thread sends heartbeats until its release."""

    def __init__(
        self, terms: Terms, number: int, owner: Owner, token: str, timing: LeaseTiming, begun_at: float
    ) -> None:
        self._terms, self._number, self._timing = terms, number, timing
        self._owner, self._token = owner, token
        self._beat, self._beaten_at = 0, begun_at
        self._is_superseded = False
        self._lock = Lock()
        self._released = Event()
        Thread(target=self._send_heartbeats, name="lease", daemon=True).start()

    @property
    def is_held(self) -> bool:
        """Whether no takeover is known. It costs nothing; `check` looks at the storage."""
        return not self._is_superseded

    def check(self) -> None:
        """Ensure that the run is still held. It costs nothing while the last heartbeat is fresh.

        Raises:
            SupersededError: Another driver has taken over: nothing may be written any more.
            OSError: The storage has been away for so long that another driver may have taken over.
        """
        if not self._is_superseded and boottime_seconds() - self._beaten_at < self._timing.fresh_seconds:
            return
        try:
            self._renew()
        except OSError:
            # Until somebody can have waited long enough to take over, the run is ours without a look.
            if boottime_seconds() - self._beaten_at >= self._timing.stale_seconds:
                raise

    def release(self) -> None:
        """Release the run if it is still held."""
        self._released.set()
        # If the storage is away, the lease ends for lack of heartbeats.
        with self._lock, suppress(OSError):
            self._look()
            if not self._is_superseded:
                self._write(is_released=True)

    def _look(self) -> None:
        """Notice another driver, or the removal of the lock's files."""
        if not self._is_superseded:
            own = self._terms.read(self._number)
            is_ours = own is not None and own.token == self._token
            self._is_superseded = not is_ours or self._terms.exists(self._number + 1)

    def _write(self, *, is_released: bool = False) -> None:
        self._beat += 1
        self._terms.write(self._number, self._owner, self._token, beat=self._beat, is_released=is_released)

    def _renew(self) -> None:
        with self._lock:
            if self._released.is_set():
                return
            begun_at = boottime_seconds()
            self._look()
            if not self._is_superseded:
                self._write()
                # A second look: a rival has either taken over by now, or sees the heartbeat.
                self._look()
            if self._is_superseded:
                raise SupersededError(self._superseded())
            self._beaten_at = begun_at

    def _superseded(self) -> str:
        """Return the message that a run was taken over, with the new driver if it can be read."""
        driver = "another driver"
        with suppress(OSError):
            if (last := self._terms.last()) is not None and last.number > self._number:
                driver = last.holder
        return f"run {self._terms.folder.name} was taken over by {driver}: nothing more is written here"

    def _send_heartbeats(self) -> None:
        while not self._released.wait(self._timing.beat_seconds):
            try:
                self._renew()
            except SupersededError:
                return
            except OSError:
                continue  # The storage may come back; `check` knows when that is too late.


def acquire_lease(
    folder: RunFolder,
    notice: Callable[[str], None],
    *,
    owner: Owner | None = None,
    timing: LeaseTiming = DEFAULT_TIMING,
) -> Lease:
    """Make a process the run's driver.

    A driver on this host is looked up among the processes. A driver elsewhere is watched for heartbeats, and
    the run is taken over if there are none.

    Args:
        folder: The run's folder.
        notice: Called with a line when a driver is waited for, and when the run is taken over.
        owner: The new driver; by default this process.
        timing: The timing of heartbeats, the same for all drivers of the run.

    Raises:
        UserError: Another driver is alive.
        OSError: The folder cannot be read or written.
    """
    owner, token, terms = owner or Owner.this_process(), secrets.token_hex(8), Terms(folder)
    while True:
        last = terms.last()
        orphan = None if last is None or last.is_released else last
        if orphan is not None:
            if orphan.owner is not None and orphan.owner.place == owner.place:
                state = "alive" if orphan.owner.is_alive else "dead"
            else:
                state = _watch(terms, orphan, notice, timing)
            if state == "alive":
                raise UserError(f"run {folder.name} is driven by {orphan.holder}: stop that one first")
            if state == "over":
                continue
        number = 1 if last is None else last.number + 1
        begun_at = boottime_seconds()
        if terms.create(number, owner, token):
            if orphan is not None:
                notice(f"took over the run from a driver that died ({orphan.holder})")
            return Lease(terms, number, owner, token, timing, begun_at)


def driver_of(folder: RunFolder) -> Owner | None:
    """Return the driver of a run, alive or dead, or None if the run was released or never driven.

    Raises:
        UserError: The lock is invalid or cannot be read.
    """
    terms = Terms(folder)
    try:
        last = terms.last()
    except OSError as error:
        raise UserError(f"{folder.lock}: cannot be read: {error.strerror or error}") from None
    if last is None or last.is_released:
        return None
    if last.owner is None:
        raise UserError(f"{terms.path(last.number)} names no driver of this run: search.resume finds out")
    return last.owner


def _watch(
    terms: Terms, last: Term, notice: Callable[[str], None], timing: LeaseTiming
) -> Literal["alive", "dead", "over"]:
    """Watch a driver elsewhere until it sends a heartbeat, its term is over, or the time is up."""
    poll_seconds = min(store_of(terms.folder.path).poll_seconds, timing.beat_seconds)
    notice(
        f"waiting up to {timing.watch_seconds:g} s for a heartbeat of the driver that holds this run "
        f"({last.holder})"
    )
    deadline = time.monotonic() + timing.watch_seconds
    while True:
        is_late = time.monotonic() >= deadline
        now = terms.read(last.number)
        if now is None or now.is_released or terms.exists(last.number + 1):
            return "over"
        if now.content != last.content:
            return "alive"
        if is_late:
            return "dead"
        time.sleep(poll_seconds)
