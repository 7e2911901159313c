"""Which steps of a loop are looked at: the first ones, and later ones by growing distances and by cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time

#: The first steps are all looked at, some of which observers compare with each other.
NUM_FIRST = 4
#: Ratio of the updates of two later looks.
_GROWTH = 1.25
#: Processor seconds that looks may cost in any case, and as a share of those since the start: what else the
#: machine does must not decide what is seen.
_FREE_SECONDS, _SHARE = 0.4, 0.01
#: By what share of the updates a look is put off.
_PUT_OFF = 0.01


class Looks:
    """The schedule of looks.

    A look is due if the update has grown by a quarter since the last one, unless looks would then cost more
    than 0.4 s and a hundredth of all time, as the processor spends them on this process.

    Args:
        has_limit: Whether cost counts. Without it the schedule depends on updates alone, so that the same
            training is looked at in the same way every time.

    Attributes:
        number: Looks so far.
        seconds: Processor seconds that looks and observed validations took.
    """

    def __init__(self, *, has_limit: bool = True) -> None:
        self.number, self.seconds = 0, 0.0
        self._has_limit = has_limit
        self._started = process_time()
        self._next = 1

    def is_due(self, update: int) -> bool:
        """Return whether an update is to be looked at; a look that would cost too much is put off."""
        if update < self._next:
            return False
        if update <= NUM_FIRST or not self._has_limit:
            return True
        allowed = _FREE_SECONDS + _SHARE * (process_time() - self._started)
        if self.seconds > allowed:
            self._next = update + max(1, round(update * _PUT_OFF))
            return False
        return True

    def num_plain(self, update: int) -> int:
        """Return for how many steps after an update neither a look nor its preparation is due."""
        return max(0, self._next - update - 2)

    def done(self, update: int) -> None:
        """Set the next look after one."""
        self.number += 1
        self._next = update + 1 if update < NUM_FIRST else max(update + 1, round(update * _GROWTH))

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time of a block as spent on looks."""
        started = process_time()
        try:
            yield
        finally:
            self.seconds += process_time() - started
