"""The report of a preflight: its data, its JSON, and its text in a terminal."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from failmap.run_folder.wording import duration_display, quantity
from failmap.search.own.config import AnyTrialConfig
from failmap.search.preflight.check import Finding, Status, worst
from failmap.search.preflight.rates import RatesReport

#: Version of the JSON. Raised if a field changes its meaning or is removed; fields may be added at any time.
SCHEMA_VERSION = 1
_STYLES: dict[Status, str] = {"pass": "green", "warn": "yellow", "fail": "bold red"}
_PAST_TENSES: dict[Status, str] = {"pass": "passed", "warn": "warned", "fail": "failed"}


@dataclass(frozen=True)
class TrialReport:
    """The findings of one trial.

    Attributes:
        name: Short description of the trial.
        config: The trial's configuration.
        findings: Findings by the name of the check.
        not_checked: Reasons by the name of the check.
        seconds: Duration.
    """

    name: str
    config: AnyTrialConfig
    findings: Mapping[str, Finding]
    not_checked: Mapping[str, str]
    seconds: float

    @property
    def status(self) -> Status:
        """The worst status of its findings."""
        return worst(finding.status for finding in self.findings.values())


@dataclass(frozen=True)
class Report:
    """The report of a whole preflight.

    Attributes:
        title: What was checked.
        trials: Reports of the trials.
        not_checked: Trials, axes and checks that were left out, a line each.
        seconds: Duration.
        rates: The learning-rate range test, if one was requested.
    """

    title: str
    trials: tuple[TrialReport, ...]
    not_checked: tuple[str, ...]
    seconds: float
    rates: RatesReport | None = None

    @property
    def status(self) -> Status:
        """The worst status of all trials."""
        return worst(trial.status for trial in self.trials)


@dataclass(frozen=True)
class Row:
    """Trials in which a check had the same result and the same advice.

    Attributes:
        check: Name of the check.
        status, advice: Those of all findings.
        findings: One finding for each of the trials.
        trials: Names of the trials; empty if the report has only one trial.
    """

    check: str
    status: Status
    advice: str
    findings: tuple[Finding, ...]
    trials: tuple[str, ...]

    @property
    def number(self) -> str:
        """The value with its unit, or the range of values."""
        known = sorted(finding.value for finding in self.findings if math.isfinite(finding.value))
        if not known:
            return ""
        ends = dict.fromkeys((number_text(known[0]), number_text(known[-1])))
        return f"{' to '.join(ends)} {self.findings[0].unit}"

    @property
    def lines(self) -> list[str]:
        """The first finding's message with its trial and the number of other trials, a line for each of its
        parts."""
        first, *others = self.findings[0].parts or (self.findings[0].message,)
        if self.trials:
            first = f"{self.trials[0]}: {first}"
        lines = [first, *others]
        if len(self.trials) > 1:
            lines[-1] += f" (and {quantity(len(self.trials) - 1, 'other trial')})"
        return lines


def rows(trials: Sequence[TrialReport]) -> list[Row]:
    """Group findings by check, status and advice, in the order of the checks."""
    grouped: dict[tuple[str, Status, str], dict[str, Finding]] = defaultdict(dict)
    for check in dict.fromkeys(check for trial in trials for check in trial.findings):
        for trial in trials:
            if (finding := trial.findings.get(check)) is not None:
                grouped[check, finding.status, finding.advice][trial.name] = finding
    return [
        Row(*key, tuple(group.values()), tuple(group) if len(trials) > 1 else ())
        for key, group in grouped.items()
    ]


def number_text(value: float) -> str:
    """Format whole numbers in full and all others to three digits."""
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.3g}"


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON data (docs/preflight.md); numbers that are not finite become null."""
    rates = report.rates
    range_test = None
    if rates is not None:
        picture = None if rates.picture is None else str(rates.picture)
        curve = {} if rates.test is None else _finite(asdict(rates.test))
        range_test = {"name": rates.name, "picture": picture, **curve}
    return {
        "schema": SCHEMA_VERSION,
        "title": report.title,
        "status": report.status,
        "seconds": round(report.seconds, 2),
        "trials": [_trial_json(trial) for trial in report.trials],
        "not_checked": list(report.not_checked),
        "range_test": range_test,
    }


def _trial_json(trial: TrialReport) -> dict[str, Any]:
    return {
        "name": trial.name,
        "status": trial.status,
        "seconds": round(trial.seconds, 2),
        "config": trial.config.model_dump(mode="json"),
        "findings": [
            {
                "check": name,
                **_finite(asdict(finding)),
                "settings": list(finding.settings),
            }
            for name, finding in trial.findings.items()
        ],
        "not_checked": [{"check": name, "reason": reason} for name, reason in trial.not_checked.items()],
    }


def _finite(value: Any) -> Any:
    """Replace numbers that are not finite by None, which JSON can hold."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show(report: Report, console: Console) -> None:
    """Print a report: a table in a terminal, a line for each row or part of its message elsewhere."""
    if console.is_terminal:
        console.print(_table(report))
    else:
        for row in rows(report.trials):
            advice = f" -> {row.advice}" * bool(row.advice)
            message = "\n      ".join(row.lines)
            line = f"{row.status:4}  {row.check}: {row.number}: {message}{advice}"
            console.print(Text(line), soft_wrap=True)
    rates = () if report.rates is None else report.rates.lines()
    for line in [*rates, *_not_checked_lines(report), _summary(report)]:
        console.print(Text(line), soft_wrap=True)


def _table(report: Report) -> Table:
    title = f"Preflight of {report.title}"
    table = Table("check", "result", "number", "finding and advice", title=title)
    for row in rows(report.trials):
        finding = Text("\n".join(row.lines))
        if row.advice:
            finding.append(f"\n{row.advice}", style="italic")
        status = Text(row.status, style=_STYLES[row.status])
        table.add_row(row.check.replace("_", " "), status, row.number, finding)
    return table


def _not_checked_lines(report: Report) -> Iterator[str]:
    """Yield what was not checked and why; checks with the same reason share a line."""
    for trial in report.trials:
        by_reason: dict[str, list[str]] = defaultdict(list)
        for check, reason in trial.not_checked.items():
            by_reason[reason].append(check)
        for reason, checks in by_reason.items():
            yield f"not checked: {', '.join(checks)} of {trial.name}: {reason}"
    yield from (f"not checked: {line}" for line in report.not_checked)


def _summary(report: Report) -> str:
    statuses = [finding.status for trial in report.trials for finding in trial.findings.values()]
    counts = [
        f"{statuses.count(status)} {past}" for status, past in _PAST_TENSES.items() if status in statuses
    ]
    result = f"{quantity(len(report.trials), 'trial')}, {', '.join(counts) or 'nothing checked'}"
    return f"preflight of {report.title}: {result} ({duration_display(report.seconds)})"
