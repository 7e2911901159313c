"""How a search is asked to end before it is over: by the clock, by Ctrl-C, or by a fault of ours."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType

from analysis.records import RunFolder


class Interruption:
    """Asks every worker of a run to save itself and stop, by a file that all of them see.

    Attributes:
        reason: None while the run goes on.
    """

    def __init__(self, folder: RunFolder, deadline: float | None) -> None:
        self.folder = folder
        self.deadline = deadline
        self.reason: str | None = None
        folder.stop.unlink(missing_ok=True)

    def ask(self, reason: str) -> None:
        """Raises the flag; the first reason stays."""
        if self.reason is None:
            self.reason = reason
            # On a full disk there is no room for the flag, and none is needed: every worker meets the same.
            with suppress(OSError):
                self.folder.stop.touch()

    def look_at_the_clock(self) -> None:
        """Raises the flag once the run's time is spent."""
        if self.deadline is not None and monotonic() >= self.deadline:
            self.ask("time")


@contextmanager
def interrupted_by_signals(interruption: Interruption) -> Iterator[None]:
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
