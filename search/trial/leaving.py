"""How a worker is asked to leave its machine: by SIGTERM, some seconds before the machine goes."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class LeavingError(Exception):
    """This worker was asked to leave: its training is saved, and it takes no other."""


class Leave:
    """Remembers a SIGTERM that comes while a trial is under way; without one the process ends as it would.

    Python runs handlers in the main thread only: make it there.
    """

    def __init__(self) -> None:
        self.is_asked = False
        self._is_busy = False
        self._otherwise = signal.signal(signal.SIGTERM, self._take)

    @contextmanager
    def waits(self) -> Iterator[None]:
        """For as long as the context lasts a SIGTERM is remembered only."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True
        if not self._is_busy:
            if callable(self._otherwise):
                self._otherwise(number, frame)
            raise SystemExit(128 + number)
