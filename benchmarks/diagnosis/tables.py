"""Markdown tables of shares."""

from collections.abc import Iterable, Sequence

from benchmarks.diagnosis.intervals import Rate
from failmap.analysis.statistics import Interval


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    assert all(len(line) == len(columns) for line in lines), "a row has one cell a column"
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(rate: Rate) -> str:
    """'97 %', with a decimal where it is near an end and not on it; 'none' where nothing counts."""
    if rate.share is None:
        return "none"
    value = 100 * rate.share
    return f"{value:.0f} %" if value in (0, 100) or 5 <= value <= 95 else f"{value:.1f} %"


def counted(rate: Rate) -> str:
    """'8 of 10, 80 % [49, 94]', with Wilson's interval."""
    if rate.share is None:
        return "none"
    return f"{rate.num_hits} of {rate.num_trials}, {percent(rate)} {_ends(rate.wilson)}"


def counted_twice(rate: Rate) -> str:
    """The same, and the interval over families in braces."""
    if rate.share is None:
        return "none"
    return f"{counted(rate)} {_ends(rate.by_family, '{}')}"


def _ends(interval: Interval, brackets: str = "[]") -> str:
    return f"{brackets[0]}{100 * interval.low:.0f}, {100 * interval.high:.0f}{brackets[1]}"
