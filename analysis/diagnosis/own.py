"""A trial of an own training function as rules see it: with what its watch saw, if it had one."""

import math
from collections.abc import Sequence
from dataclasses import replace

from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.run_folder.metrics import is_larger_better
from failmap.run_folder.records import Evaluation, Summary, TrialRecord
from failmap.run_folder.watched import Levels, WatchedReport

#: Validations from which on they make the evaluations of a watched training; with fewer, training batches do.
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
    network. A raw score, which may be anything, is replaced by the skill that the watch measured, and so is
    one that left chance while the training did not.

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
    train = {**configs[-1].get("train", {}), "max_updates": record.summary.updates}
    config = {**record.config, **configs[-1], "train": train}
    is_raw = math.isnan(record.summary.chance_metric)
    record = replace(record, config=config, summary=replace(record.summary, **known))
    by_watch = _with_skills(record, seen, reports, levels)
    if is_raw or _is_at_chance(*by_watch):
        return by_watch
    return record, seen


def _is_at_chance(record: TrialRecord, history: Sequence[Evaluation]) -> bool:
    """Return whether a training never left chance as its watch saw it.

    If its function's score did, that was luck: nobody knows on how many sequences it is measured.
    """
    is_known = record.summary is not None and record.summary.metric != ""
    return is_known and not TrainingCurves(record, history, is_blind=False).left_chance


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
    record: TrialRecord,
    history: Sequence[Evaluation],
    reports: Sequence[WatchedReport | None],
    levels: Levels,
) -> tuple[TrialRecord, list[Evaluation]]:
    """Return a trial with the metric that was watched and its skill, or with that of the losses.

    Without validations training batches take their place, as in watched loops.
    """
    assert record.summary is not None
    # The criterion of the function's score says nothing about another one.
    summary = replace(
        record.summary,
        metric=levels.metric,
        chance_metric=levels.chance_metric,
        validation_size=levels.validation_size,
        target_score=math.nan,
        target_metric=math.nan,
    )
    count = sum(one is not None and one.validation_loss is not None for one in reports)
    is_validated = count >= LEAST_VALIDATIONS
    # NaN everywhere: not even the function reported one.
    has_none = all(one.validation_loss is not None and math.isnan(one.validation_loss) for one in history)
    seen = []
    for evaluation, report in zip(history, reports, strict=True):
        report = report or WatchedReport()
        metric = report.validation_metric if is_validated else report.metric
        loss = report.validation_loss if is_validated else report.loss
        value = metric if summary.metric else loss
        seen.append(
            replace(
                evaluation,
                metric=math.nan if metric is None else metric,
                score=math.nan if value is None else _skill(value, summary),
                validation_loss=evaluation.train_loss if has_none else evaluation.validation_loss,
            )
        )
    return replace(record, summary=summary), seen


def _skill(value: float, summary: Summary) -> float:
    """Return a metric, or a loss without one, as a skill: 0 at chance, 1 perfect, at least -1."""
    best = 1.0 if is_larger_better(summary.metric) else 0.0
    chance = summary.chance_metric if summary.metric else summary.chance_loss
    room = best - chance
    return max(-1.0, (value - chance) / room) if room else 0.0
