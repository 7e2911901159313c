"""A trial of an own training function as rules see it: with what its watch saw, if it had one."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from failmap.run_folder.metrics import is_larger_better
from failmap.run_folder.records import Evaluation, Summary, TrialRecord
from failmap.run_folder.watched import WatchedReport

#: Validations from which on they make the score of a watched trial; with fewer, training batches do.
LEAST_VALIDATIONS = 4
#: Levels that no function states of its own, whatever its score is.
_OF_LOSS_AND_TARGETS = (
    "chance_loss",
    "best_possible_loss",
    "target_mean",
    "target_deviation",
    "target_shift",
    "mean_shift",
    "input_shift",
    "error_shift",
)


def as_rules_see(record: TrialRecord, history: Sequence[Evaluation]) -> tuple[TrialRecord, list[Evaluation]]:
    """Return the record and the history of an own training function's trial for `diagnose`.

    Outcome, updates and a score whose chance is known are the function's. If it was watched, training losses
    are the means that the watch saw, whose level of chance is known; so is the configuration of task and
    network. A raw score, which may be anything, is replaced by the skill that the watch measured.

    Raises:
        ValueError: The signal `watched` is not one of ours.
    """
    reports = [WatchedReport.of(one.signals) for one in history]
    configs = [one.config for one in reports if one is not None and one.config is not None]
    levels = next((one.levels for one in reversed(reports) if one is not None and one.levels), None)
    seen = [_with_losses(one, report) for one, report in zip(history, reports, strict=True)]
    if not configs or levels is None or record.summary is None:
        return record, seen
    known = {name: getattr(levels, name) for name in _OF_LOSS_AND_TARGETS}
    summary = replace(record.summary, **known)
    if math.isnan(record.summary.chance_metric):
        # The criterion of a raw score says nothing about a skill.
        summary = replace(
            summary,
            metric=levels.metric,
            chance_metric=levels.chance_metric,
            validation_size=levels.validation_size,
            target_score=math.nan,
            target_metric=math.nan,
        )
        seen = _with_skills(seen, reports, summary)
    train = {**configs[-1].get("train", {}), "max_updates": summary.updates}
    config = {**record.config, **configs[-1], "train": train}
    return replace(record, config=config, summary=summary), seen


def _with_losses(evaluation: Evaluation, report: WatchedReport | None) -> Evaluation:
    """Return an evaluation with the losses that were watched, and NaN for those that nobody reported.

    Elsewhere None is a loss that is not finite. An own training function is stopped at the first one, and the
    summary names it.
    """
    report = report or WatchedReport()
    train = evaluation.train_loss if report.loss is None else report.loss
    validation = evaluation.validation_loss if report.validation_loss is None else report.validation_loss
    return replace(
        evaluation,
        train_loss=math.nan if train is None else train,
        validation_loss=math.nan if validation is None else validation,
    )


def _with_skills(
    history: Sequence[Evaluation], reports: Sequence[WatchedReport | None], summary: Summary
) -> list[Evaluation]:
    """Return evaluations with the metric that was watched and its skill, or with that of the losses."""
    count = sum(one is not None and one.validation_loss is not None for one in reports)
    is_validated = count >= LEAST_VALIDATIONS
    seen = []
    for evaluation, report in zip(history, reports, strict=True):
        metric: float | None = None
        loss: float | None = None
        if report is not None:
            metric = report.validation_metric if is_validated else report.metric
            loss = report.validation_loss if is_validated else report.loss
        value = metric if summary.metric else loss
        score = math.nan if value is None else _skill(value, summary)
        seen.append(replace(evaluation, metric=_or_nan(metric), score=score))
    return seen


def _skill(value: float, summary: Summary) -> float:
    """Return a metric, or a loss without one, as a skill: 0 at chance, 1 perfect, at least -1."""
    best = 1.0 if is_larger_better(summary.metric) else 0.0
    chance = summary.chance_metric if summary.metric else summary.chance_loss
    room = best - chance
    return max(-1.0, (value - chance) / room) if room else 0.0


def _or_nan(value: Any) -> float:
    return math.nan if value is None else float(value)
