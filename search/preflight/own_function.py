"""The preflight of an own training function: a few of its reports, and what they show."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from failmap.analysis.diagnosis.rules import RULES
from failmap.run_folder.errors import nearest
from failmap.run_folder.own_import import line_of
from failmap.run_folder.wording import duration_display
from failmap.search.loading.own_trial import OwnTrial
from failmap.search.own.function import TrainFunction, source_path
from failmap.search.own.probe import FIRST_SECONDS, RESUMED_SECONDS, Probe, probe
from failmap.search.own.session import OwnCodeError
from failmap.search.preflight.check import Finding, Status
from failmap.search.preflight.report import Report, TrialReport

#: Rules that observe a fault itself: what they find is one after a few updates already.
_CERTAIN = frozenset(rule.name for rule in RULES if rule.is_certain)


@dataclass(frozen=True)
class OwnSubject:
    """A function that was tried.

    Attributes:
        trial: The trial.
        function: The function.
        probe: What the function did.
    """

    trial: OwnTrial
    function: TrainFunction
    probe: Probe

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings by path."""
        return self.trial.config.settings

    @property
    def axes(self) -> list[str]:
        """The axes among the settings; the others are fixed."""
        return [path for path in self.settings if path in self.trial.axes]


def check_own_function(trial: OwnTrial, function: TrainFunction) -> Report:
    """Run a function for a few reports, and report what it read, reported and can continue from."""
    started = monotonic()
    # As in a worker.
    torch.set_num_threads(trial.cluster.cpus_per_trial)
    uses_gpu = trial.cluster.gpus_per_trial != 0 and torch.cuda.is_available()
    found = probe(trial.config, function, torch.device("cuda" if uses_gpu else "cpu"))
    subject = OwnSubject(trial, function, found)
    findings: dict[str, Finding] = {}
    not_checked: dict[str, str] = {}
    for name, check in _CHECKS.items():
        result = check(subject)
        if isinstance(result, Finding):
            findings[name] = result
        else:
            not_checked[name] = result
    title = trial.config.own.function
    shown = ", ".join(f"{path}={subject.settings[path]}" for path in subject.axes)
    seconds = monotonic() - started
    report = TrialReport(shown or title, trial.config, findings, not_checked, seconds)
    return Report(title, (report,), (), seconds)


def _reports(subject: OwnSubject) -> Finding:
    """Check that the function runs and reports."""
    found, count = subject.probe, len(subject.probe.evaluations)
    if found.error is not None:
        return Finding("fail", _told(found.error, subject), count, "reports", "correct that first")
    if not count and found.was_stopped:
        return Finding(
            "warn",
            f"nothing is reported within {FIRST_SECONDS:.0f} s",
            0,
            "reports",
            "call trial.report more often: early stopping, resuming and retries rely on it",
        )
    last = found.evaluations[-1].update if count else 0
    summary = found.summary
    if summary is not None and summary.first_nonfinite:
        return Finding(
            "fail", summary.reason, count, "reports", "a lower learning rate, or clipped gradients"
        )
    told = f"up to update {last:,}"
    if summary is not None and summary.outcome is not None:
        told += ", where the trial ended"
    return Finding("pass", told, count, "reports")


def _settings(subject: OwnSubject) -> Finding | str:
    """Check that every axis is read, and that nothing else is asked for."""
    reads, settings = subject.probe.reads, subject.settings
    unread = [] if reads.as_a_whole else [path for path in settings if path not in reads.settings]
    problems = [
        f"{path}: is asked for, and no setting{nearest(path, list(settings))}"
        for path in sorted(reads.unknown)
    ]
    if subject.probe.error is not None or not subject.probe.evaluations:
        # What the function would have read later is not known.
        return (
            _unread(problems, "warn", "name it under axes or fixed")
            if problems
            else "the function did not get far"
        )
    axes = [f"{path}: the axis is never read" for path in unread if path in subject.axes]
    fixed = [f"{path}: the fixed value is never read" for path in unread if path not in subject.axes]
    if axes:
        return _unread(
            [*axes, *fixed, *problems], "fail", "an axis that nothing reads changes nothing on the map"
        )
    if fixed or problems:
        return _unread([*fixed, *problems], "warn", "read it, or leave it out")
    if not settings:
        return "there are no settings; name a space, or settings as key=value"
    how = "read as a whole" if reads.as_a_whole else "each read by its name"
    return Finding("pass", how, len(settings), "settings")


def _unread(lines: Sequence[str], status: Status, advice: str) -> Finding:
    return Finding(
        status, "; ".join(lines), len(lines), "setting" + "s" * (len(lines) > 1), advice, parts=tuple(lines)
    )


def _course(subject: OwnSubject) -> Finding | str:
    """Tell the course of losses and scores."""
    reported = subject.probe.evaluations
    if not reported:
        return "nothing was reported"
    courses = [
        f"{name} {_span(values)}"
        for name, values in (
            ("loss", [one.train_loss for one in reported]),
            ("validation loss", [one.validation_loss for one in reported]),
            ("score", [one.metric for one in reported]),
        )
        if any(value is not None for value in values)
    ]
    trial = subject.trial
    target = f"; learned from {trial.config.own.target_metric:g} on" if trial.has_space else ""
    score = reported[-1].metric
    return Finding("pass", f"{', '.join(courses)}{target}", math.nan if score is None else score, "score")


def _span(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{known[0]:.3g}" if len(known) == 1 else f"{known[0]:.3g} to {known[-1]:.3g}"


def _speed(subject: OwnSubject) -> Finding | str:
    """Tell the seconds of an update, the first of which start things up."""
    reported = subject.probe.evaluations
    if not reported:
        return "nothing was reported"
    first, last = reported[0], reported[-1]
    if last.update > first.update:
        seconds = (last.seconds - first.seconds) / (last.update - first.update)
    else:
        seconds = first.seconds / (first.update + 1)
    told = f"{duration_display(first.seconds)} to the first report"
    return Finding("pass", told, seconds, "s/update")


def _state(subject: OwnSubject) -> Finding | str:
    """Check that the function continues from its state."""
    found = subject.probe
    if found.error is not None or not found.evaluations:
        return "the function did not get far"
    if not found.has_state:
        return Finding(
            "warn",
            "no state is reported: after an interruption the function starts again",
            math.nan,
            "",
            "trial.report(..., state={...}), and trial.state at the beginning",
        )
    if found.resume_error is not None:
        told = f"when it continues, the function {_told(found.resume_error, subject)}"
        return Finding("fail", told, math.nan, "", "trial.state is what was reported, its tensors on the CPU")
    missing = {"state", "first_update"} - found.reads.of_trial
    if missing:
        names = " and ".join(f"trial.{name}" for name in sorted(missing))
        return Finding(
            "fail", f"a state is reported, and {names} never read", math.nan, "", "begin from them"
        )
    if found.resumed is None and (found.resumed_summary is None or found.resumed_summary.outcome is None):
        return f"no report came within {RESUMED_SECONDS:.0f} s of continuing"
    return Finding("pass", "continued from its state there", found.resumed_at, "first update")


def _watch(subject: OwnSubject) -> Finding | str:
    """Check what `trial.watch` saw."""
    found = subject.probe
    if found.watch_problems:
        lines = found.watch_problems
        return Finding("fail", "; ".join(lines), len(lines), "problems", "see docs/own_code.md", parts=lines)
    if found.verdict is None:
        if found.error is not None:
            return "the function did not get far"
        return "the function does not call trial.watch(model, optimizer, loss_fn)"
    verdict = found.verdict
    if verdict.is_healthy:
        return Finding("pass", "nothing looks wrong so far", verdict.confidence, "confidence")
    told = "; ".join(one.told for one in verdict.evidence) or verdict.cause
    status: Status = "fail" if verdict.rule in _CERTAIN else "warn"
    advice = verdict.fixes[0] if verdict.fixes else ""
    return Finding(status, f"{verdict.cause}: {told}", verdict.confidence, "confidence", advice)


#: In the order in which they are shown.
_CHECKS: dict[str, Callable[[OwnSubject], Finding | str]] = {
    "reports": _reports,
    "settings": _settings,
    "course": _course,
    "speed": _speed,
    "state": _state,
    "watch": _watch,
}


def _told(error: BaseException, subject: OwnSubject) -> str:
    """Return what was raised in one line, with file and line."""
    if isinstance(error, OwnCodeError) and error.__cause__ is not None:
        error = error.__cause__
    text = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, OwnCodeError):
        told = text
    else:
        told = f"raises {type(error).__name__}" + f": {text}" * bool(text)
    path = source_path(subject.trial.config.own)
    if path is None:
        source = inspect.getsourcefile(inspect.unwrap(subject.function))
        path = None if source is None else Path(source)
    line = line_of(error, path)
    return told if line is None or path is None else f"{told} ({path.name}, line {line})"
