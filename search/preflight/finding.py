"""What one check found. Knows no torch."""

import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import Literal

from failmap.search.loading.fields import Schema
from failmap.search.trial.config import TrialConfig

Status = Literal["pass", "warn", "fail"]
#: From the best to the worst.
_RANKS: tuple[Status, ...] = ("pass", "warn", "fail")


@dataclass(frozen=True)
class Finding:
    """One check's result on one trial.

    Attributes:
        status: fail: training cannot work as it is; warn: it may, but look at this first.
        message: what was found, in a line.
        value: the one number that the check goes by; NaN where there is none.
        unit: of the value, in words.
        advice: what to try, in a line; empty where all is well.
        details: further numbers by name, such as one for each layer.
    """

    status: Status
    message: str
    value: float
    unit: str
    advice: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of several; pass where there are none."""
    return max(statuses, key=_RANKS.index, default="pass")


def listed(names: Iterable[str], limit: int = 4) -> str:
    """Names in a row, the rest counted."""
    every = list(names)
    more = f" and {len(every) - limit} more" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more


def remedies(config: TrialConfig, *candidates: str) -> str:
    """Those of some remedies that a trial can take, in a row.

    Args:
        config: the trial's.
        candidates: settings such as 'model.residual=true', left out where no such path is; or plain words.
    """
    schema = Schema([config.task.name], [config.model.name])
    fitting = [one for one in candidates if "=" not in one or one.partition("=")[0] in schema]
    return ", or ".join(fitting)


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
