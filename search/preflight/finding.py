"""What one check found. Knows no torch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

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
