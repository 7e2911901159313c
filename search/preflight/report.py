"""What a preflight found, as data and as JSON."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from failmap.run_folder.wording import duration_display, quantity
from failmap.search.preflight.finding import Finding, Status, worst
from failmap.search.preflight.rates import RatesReport
from failmap.search.trial.config import TrialConfig

#: Of the JSON. Raised where a field changes its meaning or goes; new fields may come at any time.
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class TrialReport:
    """One trial's findings.

    Attributes:
        name: the trial in a few words.
        config: the trial's.
        findings: by the name of the check.
        not_checked: why not, by the name of the check.
        seconds: how long it took.
    """

    name: str
    config: TrialConfig
    findings: Mapping[str, Finding]
    not_checked: Mapping[str, str]
    seconds: float

    @property
    def status(self) -> Status:
        """The worst of its findings."""
        return worst(finding.status for finding in self.findings.values())


@dataclass(frozen=True)
class Report:
    """A whole preflight.

    Attributes:
        title: what was checked.
        trials: what was found in each.
        not_checked: trials, axes and checks that were left out, a line each.
        seconds: how long it took.
        rates: a learning-rate range test, where one was asked for.
    """

    title: str
    trials: tuple[TrialReport, ...]
    not_checked: tuple[str, ...]
    seconds: float
    rates: RatesReport | None = None

    @property
    def status(self) -> Status:
        """The worst of all trials."""
        return worst(trial.status for trial in self.trials)


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON holds it (docs/preflight.md); what is not finite is null."""
    return {
        "schema": SCHEMA_VERSION,
        "title": report.title,
        "status": report.status,
        "seconds": round(report.seconds, 2),
        "trials": [_trial(trial) for trial in report.trials],
        "not_checked": list(report.not_checked),
        "range_test": None if report.rates is None else _rates(report.rates),
    }


def _trial(trial: TrialReport) -> dict[str, Any]:
    return {
        "name": trial.name,
        "status": trial.status,
        "seconds": round(trial.seconds, 2),
        "config": trial.config.model_dump(mode="json"),
        "findings": [{"check": name, **_plain(asdict(finding))} for name, finding in trial.findings.items()],
        "not_checked": [{"check": name, "reason": reason} for name, reason in trial.not_checked.items()],
    }


def _rates(rates: RatesReport) -> dict[str, Any]:
    measured = {} if rates.test is None else asdict(rates.test)
    picture = None if rates.picture is None else str(rates.picture)
    return {"name": rates.name, "picture": picture, **_plain(measured)}


def _plain(value: Any) -> Any:
    """Mappings and lists with None for numbers that are not finite: JSON has no word for them."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
            f" (and {quantity(len(self.trials) - 1, 'other trial')})" if len(self.trials) > 1 else ""
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
    told = f"{quantity(len(report.trials), 'trial')}, {', '.join(counts) or 'nothing checked'}"
    return f"preflight of {report.title}: {told} ({duration_display(report.seconds)})"


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
