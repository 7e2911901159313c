"""Which trials have given no sign of life for too long, by the driver's own clock."""

from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

Key = TypeVar("Key")

#: Between two looks that are further apart, the driver did something else than to listen.
LONGEST_TURN_SECONDS = 1.0


class Heartbeats(Generic[Key]):
    """Remembers when each running trial was heard last.

    Only the time counts in which the driver listened: while it waits for a storage that fails, say, its
    workers' results wait, too.

    Args:
        limit_seconds: how long a trial may be silent; None for as long as it likes.
        clock: seconds of a clock that never jumps.
    """

    def __init__(self, limit_seconds: float | None, clock: Callable[[], float] = monotonic) -> None:
        self._limit_seconds = limit_seconds
        self._clock = clock
        self._heard: dict[Key, float] = {}
        self._looked_at = clock()
        self._listened_seconds = 0.0

    def hear(self, key: Key) -> None:
        """A trial has started to run, or has reported."""
        self._heard[key] = self._listened_seconds

    def forget(self, key: Key) -> None:
        """A trial runs no longer."""
        self._heard.pop(key, None)

    def timed_out(self) -> list[Key]:
        """The trials that were silent for too long, each told once. To be asked some times a second."""
        now = self._clock()
        self._listened_seconds += min(now - self._looked_at, LONGEST_TURN_SECONDS)
        self._looked_at = now
        if self._limit_seconds is None:
            return []
        since = self._listened_seconds - self._limit_seconds
        silent = [key for key, heard in self._heard.items() if heard < since]
        for key in silent:
            self.forget(key)
        return silent
