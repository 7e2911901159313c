"""The training curves of the page, thinned so that it stays small."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from failmap.analysis.load import Run
from failmap.analysis.map.failure_map import FailureMap
from failmap.run_folder.parsing import flatten
from failmap.run_folder.records import Evaluation, Summary, TrialRecord

#: Maximum number of points of a curve, and of the many curves of signals inside the network.
MAX_POINTS, _MAX_INSIDE_POINTS = 60, 15
#: Signals by layer (docs/signals.md) by their names in the page.
_INSIDE = {"spread": "spread_by_layer", "memory": "memory_steps_by_layer", "gates": "gate_mean_by_layer"}
#: Signals of the labels, which only probed evaluations have.
_LABELS = ("label_signal", "label_signal_validation", "label_agreement")
#: Number of evaluations at which the gradient by time step is shown: first, middle, last.
_NUM_STEP_CURVES = 3
#: Losses that every trial records, whichever one it trains (docs/signals.md).
COMPARED_LOSSES = ("mean_squared_error", "cross_entropy")

Curves = dict[str, Any]
Entry = TypeVar("Entry")


def trial_curves(run: Run, record: TrialRecord) -> Curves | None:
    """Return a trial's curves as JSON data, with None for values that are not finite; None without
    evaluations."""
    whole = run.history(record.number)
    if not whole:
        return None
    history = thinned(whole, MAX_POINTS)
    signals = [evaluation.signals for evaluation in history]
    layers = [one.get("gradient_norm_by_layer") or {} for one in signals]
    names = dict.fromkeys(name for one in layers for name in one)
    inside = {
        name: _named_curves((one.update, one.signals.get(signal)) for one in whole)
        for name, signal in _INSIDE.items()
    }
    return {
        "update": [evaluation.update for evaluation in history],
        "train_loss": [short(evaluation.train_loss) for evaluation in history],
        "validation_loss": [short(evaluation.validation_loss) for evaluation in history],
        "score": [short(evaluation.score) for evaluation in history],
        "compared": _compared_losses(history),
        "by_layer": {name: [short(one.get(name)) for one in layers] for name in names},
        "by_step": _step_curves(history),
        "inside": {name: found for name, found in inside.items() if found},
        "labels": _named_curves(
            (one.update, {name: one.signals[name] for name in _LABELS if name in one.signals})
            for one in whole
        ),
        **_levels(record),
    }


def thinned(entries: Sequence[Entry], most: int) -> list[Entry]:
    """Return at most `most` evenly spaced entries, including the first and the last."""
    if len(entries) <= most:
        return list(entries)
    last = len(entries) - 1
    return [entries[round(index * last / (most - 1))] for index in range(most)]


def shown_trials(failure_map: FailureMap, limit: int) -> list[int]:
    """Return the trials whose curves are shown: the first of every cell, then the second, up to the limit."""
    ranked = [
        (rank, number)
        for cell in failure_map.cells.values()
        for rank, number in enumerate((*cell.numbers, *cell.continuations, *cell.interventions))
    ]
    return sorted(number for _, number in sorted(ranked)[:limit])


def _named_curves(values: Iterable[tuple[int, Mapping[str, Any] | None]]) -> Curves | None:
    """Return updates and, by dotted name, the values at them; None if nothing was measured."""
    measured = [(update, table) for update, table in values if table]
    if not measured:
        return None
    shown = [(update, dict(flatten(table))) for update, table in thinned(measured, _MAX_INSIDE_POINTS)]
    names = dict.fromkeys(name for _, table in shown for name in table)
    return {
        "update": [update for update, _ in shown],
        "values": {name: [short(table.get(name)) for _, table in shown] for name in names},
    }


def _compared_losses(history: Sequence[Evaluation]) -> dict[str, list[float | None]]:
    """Return each of COMPARED_LOSSES that some evaluation recorded."""
    recorded = [one.signals.get("losses") or {} for one in history]
    return {
        name: [short(losses.get(name)) for losses in recorded]
        for name in COMPARED_LOSSES
        if any(name in losses for losses in recorded)
    }


def _step_curves(history: Sequence[Evaluation]) -> list[dict[str, Any]]:
    measured = [one for one in history if one.signals.get("gradient_norm_by_step")]
    return [
        {
            "update": one.update,
            "step": one.signals.get("gradient_steps")
            or list(range(len(one.signals["gradient_norm_by_step"]))),
            "norm": [short(norm) for norm in one.signals["gradient_norm_by_step"]],
        }
        for one in thinned(measured, _NUM_STEP_CURVES)
    ]


def _levels(record: TrialRecord) -> dict[str, float | None]:
    """Return the levels of chance, floor and criterion, each in the units of its chart.

    A criterion that is a loss is a mean squared error in the task's own units. It is drawn beside the trained
    loss only if that is the same.
    """
    summary = record.summary or Summary(outcome=None, reason="")
    output = record.config.get("output") or {}
    is_error = summary.metric == "mean_squared_error"
    is_own_loss = is_error and output.get("loss") == "mse" and output.get("target_range", "task") == "task"
    return {
        "chance_loss": short(summary.chance_loss),
        "loss_floor": short(summary.loss_floor),
        "target_loss": short(summary.target_metric) if is_own_loss else None,
        "chance_error": short(summary.chance_metric) if is_error else None,
        "target_error": short(summary.target_metric) if is_error else None,
        "target_score": short(summary.target_score),
    }


def short(value: Any) -> float | None:
    """Return a number with four significant digits, or None if it is not a finite number."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(f"{value:.4g}")
