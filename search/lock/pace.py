"""How often a driver shows that it lives, and how long others wait for it."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
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


PACE = Pace()


def seconds_awake_or_not() -> float:
    """A clock that nobody sets and that counts while the machine is suspended, where there is one."""
    # Linux' CLOCK_MONOTONIC stands still in a suspended machine, while others count their seconds.
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
