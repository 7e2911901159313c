"""A limit on how long a stretch of code may take."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType


class TimeLimitError(Exception):
    """The stretch took too long."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeLimitError in the stretch once the seconds are over.

    It is raised between two operations of Python: a single long one ends first. Where there are no such
    signals (on Windows, or outside the main thread) nothing is limited.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeLimitError

    started = monotonic()
    handler = signal.signal(signal.SIGALRM, end)
    left, interval = signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            # Somebody else's timer, such as a test's, goes on where it was.
            signal.setitimer(signal.ITIMER_REAL, max(left - (monotonic() - started), 1e-3), interval)
