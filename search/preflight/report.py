"""What a preflight found, as data and as JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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
