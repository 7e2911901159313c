"""The curves behind a map's cells, thinned so that a report stays small."""

import math
from collections.abc import Sequence
from typing import Any

from analysis.failure_map import FailureMap
from analysis.load import Run
from analysis.records import Evaluation, TrialRecord

#: Points of one curve at most.
MAX_POINTS = 60
#: Evaluations at which the gradient by time step is shown: first, middle, last.
_NUM_STEP_CURVES = 3
#: The losses that a task's chance level is stated in, by the task's metric.
_NATURAL_LOSSES = {
    "mean_squared_error": ("mse",),
    "accuracy": ("bce_with_logits", "bce", "cross_entropy"),
}

Curves = dict[str, Any]


def trial_curves(run: Run, record: TrialRecord) -> Curves | None:
    """A trial's curves as JSON holds them: None for what is not finite; None without any evaluation."""
    history = thinned(run.history(record.number))
    if not history:
        return None
    signals = [evaluation.signals for evaluation in history]
    layers = [one.get("gradient_norm_by_layer") or {} for one in signals]
    names = list({name: None for one in layers for name in one})
    return {
        "update": [evaluation.update for evaluation in history],
        "train_loss": [short(evaluation.train_loss) for evaluation in history],
        "validation_loss": [short(evaluation.validation_loss) for evaluation in history],
        "score": [short(evaluation.score) for evaluation in history],
        "by_layer": {name: [short(one.get(name)) for one in layers] for name in names},
        "by_step": _step_curves(history),
        **_levels(record),
    }


def thinned(history: Sequence[Evaluation]) -> list[Evaluation]:
    """At most MAX_POINTS evaluations, evenly apart, the first and the last among them."""
    if len(history) <= MAX_POINTS:
        return list(history)
    last = len(history) - 1
    return [history[round(index * last / (MAX_POINTS - 1))] for index in range(MAX_POINTS)]


def shown_trials(failure_map: FailureMap, limit: int) -> list[int]:
    """The trials whose curves are shown: every cell's first, then every cell's second, up to the limit."""
    ranked = [
        (rank, number) for cell in failure_map.cells.values() for rank, number in enumerate(cell.numbers)
    ]
    return sorted(number for _, number in sorted(ranked)[:limit])


def _step_curves(history: Sequence[Evaluation]) -> list[dict[str, Any]]:
    measured = [one for one in history if one.signals.get("gradient_norm_by_step")]
    last = len(measured) - 1
    chosen = sorted({round(index * last / (_NUM_STEP_CURVES - 1)) for index in range(_NUM_STEP_CURVES)})
    return [
        {
            "update": evaluation.update,
            "step": evaluation.signals.get("gradient_steps") or list(range(len(norms))),
            "norm": [short(norm) for norm in norms],
        }
        for evaluation in (measured[index] for index in chosen if measured)
        for norms in (evaluation.signals["gradient_norm_by_step"],)
    ]


def _levels(record: TrialRecord) -> dict[str, float | None]:
    """Chance and target as lines: in the loss' units only where the loss is the task's natural one."""
    summary, output = record.summary, record.config.get("output") or {}
    if summary is None:
        return {"chance_loss": None, "target_loss": None, "target_score": None}
    in_task_units = output.get("target_range", "task") == "task"
    natural = in_task_units and output.get("loss") in _NATURAL_LOSSES.get(summary.metric, ())
    is_own_loss = natural and summary.metric == "mean_squared_error"
    return {
        "chance_loss": short(summary.chance_loss) if natural else None,
        "target_loss": short(summary.target_metric) if is_own_loss else None,
        "target_score": short(summary.target_score),
    }


def short(value: float | None) -> float | None:
    """Four significant digits are more than a curve shows."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")
