"""The time since each running trial last reported."""

from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

Key = TypeVar("Key")

#: Longest time between two polls that counts; during a longer one the driver was busy with something else.
MAX_POLL_SECONDS = 1.0


class Heartbeats(Generic[Key]):
    """Remembers when each running trial last reported.

    Only time in which the driver polls counts: while it waits for failing storage, for example, results of
    its workers wait too.

    Args:
        limit_seconds: How long a trial may go without a report; math.inf for no limit.
        clock: Returns the seconds of a monotonic clock.
    """

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._limit_seconds = limit_seconds
        self._clock = clock
        self._last_beats: dict[Key, float] = {}
        self._polled_at = clock()
        self._polled_seconds = 0.0

    def beat(self, key: Key) -> None:
        """Record that a trial has started or reported."""
        self._last_beats[key] = self._polled_seconds

    def remove(self, key: Key) -> None:
        """Stop watching a trial, if it is watched."""
        self._last_beats.pop(key, None)

    def timed_out(self) -> list[Key]:
        """Return each trial that exceeded the limit, once. Call this several times a second."""
        now = self._clock()
        self._polled_seconds += min(now - self._polled_at, MAX_POLL_SECONDS)
        self._polled_at = now
        oldest = self._polled_seconds - self._limit_seconds
        expired = [key for key, beat in self._last_beats.items() if beat < oldest]
        for key in expired:
            self.remove(key)
        return expired
