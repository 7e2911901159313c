"""A preflight for people: a table on a terminal, plain lines on a pipe."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from failmap.analysis.wording import count_words, duration_text
from failmap.search.preflight.finding import Finding, Status
from failmap.search.preflight.report import Report, TrialReport

_STYLES: dict[Status, str] = {"pass": "green", "warn": "yellow", "fail": "bold red"}

_WORDS: dict[Status, str] = {"pass": "passed", "warn": "warned", "fail": "failed"}


@dataclass(frozen=True)
class Row:
    """Trials in which a check came to the same result, with the same advice.

    Attributes:
        check: its name.
        findings: one for each of the trials.
        trials: names of the trials; empty where it is all of them.
    """

    check: str
    findings: tuple[Finding, ...]
    trials: tuple[str, ...]

    @property
    def status(self) -> Status:
        """The same for all findings."""
        return self.findings[0].status

    @property
    def advice(self) -> str:
        """The same for all findings."""
        return self.findings[0].advice

    @property
    def number(self) -> str:
        """The value with its unit, or from the least to the largest."""
        known = sorted(finding.value for finding in self.findings if math.isfinite(finding.value))
        unit = self.findings[0].unit
        if not known:
            return ""
        ends = dict.fromkeys((number_text(known[0]), number_text(known[-1])))
        return f"{' to '.join(ends)} {unit}"

    @property
    def found(self) -> str:
        """What the first of the findings says, and where it and the others are."""
        message = self.findings[0].message
        if not self.trials:
            return message
        return f"{self.trials[0]}: {message}" + (
            f" (and {count_words(len(self.trials) - 1, 'other trial')})" if len(self.trials) > 1 else ""
        )


def number_text(value: float) -> str:
    """Counts in full, anything else to three digits."""
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.3g}"


def rows(trials: Sequence[TrialReport]) -> list[Row]:
    """Findings with the same result and the same advice, together; by check, in the order of the checks."""
    grouped: dict[tuple[str, Status, str], list[tuple[str, Finding]]] = {}
    for check in dict.fromkeys(check for trial in trials for check in trial.findings):
        for trial in trials:
            finding = trial.findings.get(check)
            if finding is not None:
                key = (check, finding.status, finding.advice)
                grouped.setdefault(key, []).append((trial.name, finding))
    made = []
    for (check, _, _), group in grouped.items():
        names = tuple(name for name, _ in group) if len(trials) > 1 else ()
        made.append(Row(check, tuple(finding for _, finding in group), names))
    return made


def show(report: Report, console: Console) -> None:
    """Prints a report: a table on a terminal, a line for each row on a pipe."""
    made = rows(report.trials)
    if console.is_terminal:
        console.print(_table(report, made))
    else:
        for row in made:
            advice = f" -> {row.advice}" * bool(row.advice)
            line = f"{row.status:4}  {row.check}: {row.number}: {row.found}{advice}"
            console.print(Text(line), soft_wrap=True)
    rates = () if report.rates is None else report.rates.lines()
    for line in [*rates, *unchecked_lines(report), summary(report)]:
        console.print(Text(line), soft_wrap=True)


def unchecked_lines(report: Report) -> Iterable[str]:
    """What was not looked at, and why; a reason that several checks share is told once."""
    for trial in report.trials:
        by_reason: dict[str, list[str]] = {}
        for check, reason in trial.not_checked.items():
            by_reason.setdefault(reason, []).append(check)
        for reason, checks in by_reason.items():
            yield f"not checked: {', '.join(checks)} of {trial.name}: {reason}"
    yield from (f"not checked: {line}" for line in report.not_checked)


def summary(report: Report) -> str:
    """Everything in one line."""
    statuses = [finding.status for trial in report.trials for finding in trial.findings.values()]
    counts = [f"{statuses.count(one)} {word}" for one, word in _WORDS.items() if one in statuses]
    told = f"{count_words(len(report.trials), 'trial')}, {', '.join(counts) or 'nothing checked'}"
    return f"preflight of {report.title}: {told} ({duration_text(report.seconds)})"


def _table(report: Report, made: Iterable[Row]) -> Table:
    table = Table("check", "result", "number", "found, and what to try", title=f"Preflight of {report.title}")
    for row in made:
        text = Text(row.found)
        if row.advice:
            text.append(f"\n{row.advice}", style="italic")
        table.add_row(
            row.check.replace("_", " "), Text(row.status, style=_STYLES[row.status]), row.number, text
        )
    return table
