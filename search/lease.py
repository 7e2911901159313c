"""Holding a run: taking it, showing signs of life, noticing that another driver has it, giving it back."""

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

Notice = Callable[[str], None]
#: Of a driver: it is at work, it is no more, or its term has ended meanwhile.
Life = Literal["alive", "dead", "over"]


class Lease:
    """The run, while this process holds it. A thread beats for it until it is released."""

    def __init__(
        self, terms: Terms, number: int, owner: Owner, token: str, timing: LeaseTiming, begun_at: float
    ) -> None:
        """Use `acquire_lease`."""
        self._terms, self._number, self._owner, self._token, self._timing = (
            terms,
            number,
            owner,
            token,
            timing,
        )
        self._beat, self._beaten_at = 0, begun_at
        self._is_superseded = False
        self._one_at_a_time = Lock()
        self._released = Event()
        self._thread = Thread(target=self._beat_on, name="lease", daemon=True)
        self._thread.start()

    @property
    def is_held(self) -> bool:
        """Whether nobody is known to have superseded this driver. Costs nothing; `check` looks."""
        return not self._is_superseded

    def check(self) -> None:
        """Makes sure that the run is still ours; costs nothing while the last beat is fresh.

        Raises:
            SupersededError: another driver has it: nothing may be written any more.
            OSError: the storage is away for so long that another driver may have it.
        """
        if not self._is_superseded and self._age() < self._timing.fresh_seconds:
            return
        try:
            self._renew()
        except OSError:
            # As long as nobody can have waited long enough for the run, it is ours without a look.
            if self._age() >= self._timing.stale_seconds:
                raise

    def release(self) -> None:
        """Gives the run back, if it is still ours."""
        self._released.set()
        # Where the storage is away the lease ends by itself, once nobody beats for it.
        with self._one_at_a_time, suppress(OSError):
            self._look()
            if not self._is_superseded:
                self._write(is_released=True)

    def _age(self) -> float:
        return boottime_seconds() - self._beaten_at

    def _look(self) -> None:
        """Looks whether another driver holds the run, or somebody has removed the lock's files."""
        if not self._is_superseded:
            own = self._terms.read(self._number)
            is_ours = own is not None and own.token == self._token
            self._is_superseded = not is_ours or self._terms.is_there(self._number + 1)

    def _write(self, *, is_released: bool = False) -> None:
        self._beat += 1
        self._terms.write(self._number, self._owner, self._token, beat=self._beat, is_released=is_released)

    def _renew(self) -> None:
        with self._one_at_a_time:
            if self._released.is_set():
                return
            begun_at = boottime_seconds()
            self._look()
            if not self._is_superseded:
                self._write()
                # Again: whoever was about to take over has done so by now, or sees the beat.
                self._look()
            if self._is_superseded:
                raise SupersededError(_superseded(self._terms, self._number))
            self._beaten_at = begun_at

    def _beat_on(self) -> None:
        while not self._released.wait(self._timing.beat_seconds):
            try:
                self._renew()
            except SupersededError:
                return
            except OSError:
                continue  # the storage may come back; `check` knows when that is too late


def acquire_lease(
    folder: RunFolder, notice: Notice, *, owner: Owner | None = None, timing: LeaseTiming = DEFAULT_TIMING
) -> Lease:
    """Makes a process the run's driver.

    A driver on this host is looked up among the processes. One elsewhere is watched, for its beats, and the
    run is taken over from it where none comes; both are told.

    Args:
        folder: the run's.
        notice: is told who is waited for, and from whom the run was taken over.
        owner: who drives; this process where left out.
        timing: of beats, the same for all drivers of the run.

    Raises:
        UserError: another driver is alive.
        OSError: the folder cannot be read or written.
    """
    owner, token, terms = owner or Owner.this_process(), secrets.token_hex(8), Terms(folder)
    while True:
        last = terms.last()
        is_orphaned = last is not None and not last.is_released
        if last is not None and is_orphaned:
            life = _look_for(last, owner) or _watch(terms, last, notice, timing)
            if life == "alive":
                raise UserError(f"run {folder.name} is driven by {_who(last)}: stop that one first")
            if life == "over":
                continue
        number = 1 if last is None else last.number + 1
        begun_at = boottime_seconds()
        if terms.create(number, owner, token):
            if last is not None and is_orphaned:
                notice(f"took over the run from a driver that died ({_who(last)})")
            return Lease(terms, number, owner, token, timing, begun_at)


def _look_for(term: Term, asking: Owner) -> Life | None:
    """Looks a driver up among the processes; None where it is elsewhere."""
    if term.owner is None or term.owner.place != asking.place:
        return None
    return "alive" if term.owner.is_alive else "dead"


def _watch(terms: Terms, last: Term, notice: Notice, timing: LeaseTiming) -> Life:
    """Waits for a driver elsewhere to show that it lives, or that its term is over, or for neither."""
    poll_seconds = min(store_of(terms.folder.path).poll_seconds, timing.beat_seconds)
    notice(
        f"waiting up to {timing.watch_seconds:g} s to see whether the driver is alive that holds this run "
        f"({_who(last)})"
    )
    until = time.monotonic() + timing.watch_seconds
    while True:
        is_late = time.monotonic() >= until
        now = terms.read(last.number)
        if now is None or now.is_released or terms.is_there(last.number + 1):
            return "over"
        if now.content != last.content:
            return "alive"
        if is_late:
            return "dead"
        time.sleep(poll_seconds)


def _who(term: Term) -> str:
    return "an unknown process" if term.owner is None else str(term.owner)


def _superseded(terms: Terms, number: int) -> str:
    """Who has the run by now. Where that cannot be read, it is no less superseded."""
    with suppress(OSError):
        if (last := terms.last()) is not None and last.number > number:
            return f"run {terms.folder.name} was taken over by {_who(last)}: nothing more is written here"
    return f"run {terms.folder.name} was taken over by another driver: nothing more is written here"


def driver_of(folder: RunFolder) -> Owner | None:
    """Who drives a run, or died over it; None where nobody does.

    Raises:
        UserError: its lock does not say so, or cannot be read.
    """
    terms = Terms(folder)
    try:
        last = terms.last()
    except OSError as error:
        raise UserError(f"{folder.lock}: cannot be read: {error.strerror or error}") from None
    if last is None or last.is_released:
        return None
    if last.owner is None:
        raise UserError(
            f"{terms.path(last.number)} does not say who drives this run: search.resume finds out"
        )
    return last.owner


def is_known_dead(owner: Owner) -> bool:
    """Whether this machine can tell that a driver is no more."""
    return owner.is_on_this_host and not owner.is_alive
