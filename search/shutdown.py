"""How a search is asked to end before it is over: by clock, Ctrl-C, search.stop, or a fault of ours."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType
from typing import Literal

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of

#: By the clock, by a signal, by search.stop, or by a fault of ours.
Reason = Literal["time", "interrupt", "request", "fault"]


class Shutdown:
    """Asks every worker of a run to save itself and stop, by a file that all of them see.

    What is written and looked for, is so in a thread of its own: an object store answers too slowly for the
    driver's loop, and a signal may come in the middle of anything.

    Attributes:
        reason: None while the run goes on.
    """

    def __init__(self, folder: RunFolder, deadline: float | None) -> None:
        self.folder = folder
        self.deadline = deadline
        self.reason: Reason | None = None
        self._store = store_of(folder.path)
        self._is_requested = False
        self._is_over = False
        self._news = threading.Event()

    def ask(self, reason: Reason) -> None:
        """Has the flag raised; the first reason stays."""
        if self.reason is None:
            self.reason = reason
            self._news.set()

    def poll(self) -> None:
        """Asks once the run's time is spent, or somebody wants the end. Costs nothing."""
        if self.deadline is not None and monotonic() >= self.deadline:
            self.ask("time")
        if self._is_requested:
            self.ask("request")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Raises the flag and looks for requests as long as the context lasts; no flag outlives it.

        Raises:
            OSError: flags that a session of before has left cannot be removed.
        """
        self._lower_flags()
        watcher = threading.Thread(target=self._watch, name="interruption", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._is_over = True
            self._news.set()
            watcher.join()
            with suppress(OSError):
                self._lower_flags()

    def _watch(self) -> None:
        flag_exists = False
        while not self._is_over:
            # Storage that fails for a while is tried again. On a full disk there is no room for the flag, and
            # none is needed: every worker meets the same.
            with suppress(OSError):
                if self.reason is not None and not flag_exists:
                    self._store.write(self.folder.stop, b"", survives_power_loss=False)
                    flag_exists = True
                elif self.reason is None and self._store.exists(self.folder.stop_request):
                    self._is_requested = True
            self._news.wait(self._store.poll_seconds)
            self._news.clear()

    def _lower_flags(self) -> None:
        self._store.remove(self.folder.stop)
        self._store.remove(self.folder.stop_request)


@contextmanager
def shutdown_on_signals(interruption: Shutdown) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks the workers to save themselves; one while they do so ends at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        if interruption.reason is not None:
            raise KeyboardInterrupt
        interruption.ask("interrupt")

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
