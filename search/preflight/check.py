"""A check of one trial: what it runs, what it finds, and how long it may take."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import Literal, get_args

from failmap.search.loading.fields import Schema
from failmap.search.preflight.subject import Subject
from failmap.search.trial.config import TrialConfig

#: From the best to the worst.
Status = Literal["pass", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """The result of one check on one trial.

    Attributes:
        status: `fail` if training cannot work, `warn` if it may but something looks wrong.
        message: What was found, in one line.
        value: The number that decides the status; NaN if there is none.
        unit: Unit of `value`.
        advice: What to try, in one line; empty if the check passed.
        details: Further numbers by name, such as one for each layer.
    """

    status: Status
    message: str
    value: float
    unit: str
    advice: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A check and its time limit.

    Attributes:
        name: Name in the report and its JSON.
        run: Checks a trial and leaves its weights unchanged.
        limit_seconds: Time limit.
        in_brief: Whether the check is part of the brief preflight before every run.
    """

    name: str
    run: Callable[[Subject], Finding]
    limit_seconds: float
    in_brief: bool = False


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst status, or `pass` if there are none."""
    return max(statuses, key=get_args(Status).index, default="pass")


def remedies(config: TrialConfig, *candidates: str) -> str:
    """Join the candidates that the trial's task and network support.

    Args:
        config: The trial's configuration.
        candidates: Settings such as 'model.residual=true', dropped if the trial has no such key, or text.
    """
    schema = Schema([config.task.name], [config.model.name])
    supported = [text for text in candidates if "=" not in text or text.partition("=")[0] in schema]
    return ", or ".join(supported)


class TimeLimitError(Exception):
    """The time limit was exceeded."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimitError in the body of the `with` statement after some seconds.

    The error is raised between two Python operations, so a single long one completes first. Without SIGALRM
    (on Windows, or outside the main thread) there is no limit.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(number: int, frame: FrameType | None) -> None:
        raise TimeLimitError

    started = monotonic()
    handler = signal.signal(signal.SIGALRM, expire)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if remaining:
            # Resume a timer that was already running, such as a test's.
            signal.setitimer(signal.ITIMER_REAL, max(remaining - (monotonic() - started), 1e-3), interval)
