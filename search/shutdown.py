"""The end of a search before it is over: by time limit, signal, `search.stop`, or an error of the driver."""

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType
from typing import Literal

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of

#: The time limit, a signal, `search.stop`, or an error of the driver.
Reason = Literal["time", "interrupt", "request", "fault"]

#: Ctrl-C, a polite request to end, and a terminal that is gone.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Shutdown:
    """Asks all workers of a run to save their state and stop, by a flag file in the run folder.

    A thread writes the flag and looks for requests, because an object store is too slow for the driver's
    loop, and a signal may arrive at any point of it.

    Args:
        folder: The run's folder.
        deadline: Time limit on the clock of time.monotonic; None for no limit.
        on_begin: Called once with the reason, from the thread, as soon as the shutdown begins: the driver's
            loop may wait for Ray meanwhile.

    Attributes:
        reason: Why the run ends; None while it continues.
    """

    def __init__(
        self, folder: RunFolder, deadline: float | None, on_begin: Callable[[Reason], None] | None = None
    ) -> None:
        self.folder = folder
        self.deadline = deadline
        self.on_begin = on_begin
        self.reason: Reason | None = None
        self._store = store_of(folder.path)
        self._is_requested = False
        self._is_over = False
        self._wake = threading.Event()

    def request(self, reason: Reason) -> None:
        """Begin the shutdown; only the first reason is kept."""
        if self.reason is None:
            self.reason = reason
            self._wake.set()

    def poll(self) -> None:
        """Begin the shutdown if the time limit has passed or `search.stop` has requested it. Never blocks."""
        if self.deadline is not None and monotonic() >= self.deadline:
            self.request("time")
        if self._is_requested:
            self.request("request")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Write the flag and look for requests until the context ends, which removes all flags.

        Raises:
            OSError: Flags left by an earlier session cannot be removed.
        """
        self._remove_flags()
        watcher = threading.Thread(target=self._watch, name="shutdown", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._is_over = True
            self._wake.set()
            watcher.join()
            with suppress(OSError):
                self._remove_flags()

    def _watch(self) -> None:
        is_announced = is_written = False
        while not self._is_over:
            if self.reason is not None and not is_announced:
                is_announced = True
                if self.on_begin is not None:
                    self.on_begin(self.reason)
            # Failing storage is retried. A full disk has no room for the flag, but stops every worker too.
            with suppress(OSError):
                if self.reason is not None and not is_written:
                    self._store.write(self.folder.stop, b"", survives_power_loss=False)
                    is_written = True
                elif self.reason is None and self._store.exists(self.folder.stop_request):
                    self._is_requested = True
            self._wake.wait(self._store.poll_seconds)
            self._wake.clear()

    def _remove_flags(self) -> None:
        self._store.remove(self.folder.stop)
        self._store.remove(self.folder.stop_request)


@contextmanager
def shutdown_on_signals(shutdown: Shutdown) -> Iterator[None]:
    """Begin the shutdown at the first Ctrl-C, SIGTERM or SIGHUP, and raise KeyboardInterrupt at the next.

    A third one ends the process, whatever it is doing: all that is to be resumed is in the run folder.
    """
    num_more = 0

    def handle(number: int) -> None:
        nonlocal num_more
        if shutdown.reason is None:
            shutdown.request("interrupt")
            return
        num_more += 1
        if num_more > 1:
            os._exit(130)
        raise KeyboardInterrupt

    with _handling(handle):
        yield


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt at SIGTERM and SIGHUP as well, so that the lease is released."""

    def handle(number: int) -> None:
        raise KeyboardInterrupt

    with _handling(handle):
        yield


@contextmanager
def _handling(handle: Callable[[int], None]) -> Iterator[None]:
    """Handle the signals that ask for an end, except a SIGHUP that `nohup` has made ignored."""

    def handle_signal(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _leave_terminal()
        handle(number)

    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    handled = [number for number in _SIGNALS if number != signal.SIGHUP or not is_ignored]
    previous = {number: signal.signal(number, handle_signal) for number in handled}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave_terminal() -> None:
    """Write nothing more to a terminal that is gone, where each write would fail."""
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            # One that has hung up no longer says that it is a terminal, but is still a character device.
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
