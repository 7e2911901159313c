"""Synthetic trainings: a healthy one, and what a test changes about it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from failmap.run_folder.records import Evaluation, Outcome, Summary, TrialRecord
from tests.analysis.diagnosis.records import record_of

NUM_EVALUATIONS = 20
LAYERS = ("layers.0", "layers.1")
#: A trial of the adding problem: chance 1/6, one addend known 1/12.
CHANCE = 1 / 6

#: A signal by name: the same at every evaluation, or a function of the share of the training that is done.
Signals = Mapping[str, Any]


def healthy_signals(share: float) -> dict[str, Any]:
    """Return the signals of a healthy training."""
    return {
        "learning_rate": 3e-3,
        "gradient_norm": 0.1,
        "gradient_norm_by_layer": {"layers.0": 0.04, "layers.1": 0.05, "readout": 0.08},
        "gradient_zeros_by_layer": {"layers.0": 0.0, "layers.1": 0.0, "readout": 0.0},
        "weight_norm_by_layer": {"layers.0": 5.0, "layers.1": 5.0, "readout": 1.0},
        "update_ratio_by_layer": {"layers.0": 1e-3, "layers.1": 1e-3, "readout": 2e-3},
        "update_alignment": 0.4,
        "saturation_by_layer": {"layers.0": {"input": 0.02, "forget": 0.1, "output": 0.05}},
        "label_share": 1.2,
        "loss_first": 1.2 * CHANCE,
        "loss_spread": 0.2 * CHANCE * (1 - share),
        "loss_max": CHANCE,
        "gradient_norm_by_step": [0.1, 0.2, 0.3, 0.4, 0.5],
        "gradient_steps": [0, 1, 2, 3, 4],
        "gradient_share_at_first": 0.2,
        "gradient_reach_steps": 4,
        "spread_by_layer": {"layers.0": 0.2, "layers.1": 0.1},
        "dead_units_by_layer": {"layers.0": 0.0, "layers.1": 0.0},
        "saturated_units_by_layer": {"layers.0": 0.02, "layers.1": 0.0},
        "memory_steps_by_layer": {"layers.0": 8.0, "layers.1": 6.0},
        "outputs": {"least": -0.2, "largest": 2.3, "mean": 1.0, "spread": 0.4},
        "input_scale": {"largest_mean": 0.5, "largest_spread": 0.5, "least_spread": 0.3, "largest": 1.0},
        "label_signal": 0.7,
        "label_signal_validation": 0.7,
        "label_agreement": 0.7,
        "leak_across_batch": 0.0,
        "leak_from_future": 0.0,
    }


def skill(loss: float | None) -> float:
    """Return a squared error as a score."""
    return -1.0 if loss is None else max(-1.0, 1 - loss / CHANCE)


def at_chance(share: float) -> float:
    """Return a loss that stays at chance."""
    return CHANCE


Loss = Callable[[float], float | None]


def build_training(
    outcome: Outcome | None = "failed",
    *,
    train: Loss = at_chance,
    validation: Loss | None = None,
    score: Callable[[float], float] | None = None,
    signals: Signals | None = None,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    count: int = NUM_EVALUATIONS,
    **summary: Any,
) -> tuple[TrialRecord, list[Evaluation]]:
    """Return a record and a history, healthy except for its arguments.

    Losses are functions of the share of the training that is done; a signal of None is left out.
    """
    history = []
    for index in range(1, count + 1):
        share = index / count
        loss = (validation or train)(share)
        measured = {**healthy_signals(share), **(signals or {})}
        said = {name: value(share) if callable(value) else value for name, value in measured.items()}
        history.append(
            Evaluation(
                update=50 * index,
                seconds=0.1 * index,
                train_loss=train(share),
                validation_loss=loss,
                metric=loss,
                score=score(share) if score else skill(loss),
                signals={name: value for name, value in said.items() if value is not None},
            )
        )
    return make_record(outcome, history, config or {}, summary), history


@pytest.fixture
def make_training() -> Callable[..., tuple[TrialRecord, list[Evaluation]]]:
    """Return `build_training`."""
    return build_training


def make_record(
    outcome: Outcome | None,
    history: list[Evaluation],
    config: Mapping[str, Mapping[str, Any]],
    summary: Mapping[str, Any],
) -> TrialRecord:
    """Return a record of the adding problem with two LSTM layers."""
    base: dict[str, dict[str, Any]] = {
        "task": {"name": "adding", "sequence_length": 5, "supervision": "last", "test_size": 1024},
        "model": {"name": "lstm", "depth": 2, "hidden_size": 32, "frozen_layers": 0},
        "output": {"activation": "none", "target_range": "task", "loss": "mse"},
        "train": {
            "optimizer": "adam",
            "learning_rate": 3e-3,
            "clip_norm": None,
            "batch_size": 64,
            "max_updates": 1000,
        },
    }
    merged = {group: {**values, **config.get(group, {})} for group, values in base.items()}
    told = Summary(
        outcome,
        "",
        **{
            "updates": history[-1].update if history else 0,
            "score": history[-1].score if history else 0.0,
            "target_score": 0.95,
            "metric": "mean_squared_error",
            "chance_metric": CHANCE,
            "target_metric": 0.05 * CHANCE,
            "chance_loss": CHANCE,
            "loss_floor": 0.0,
            "best_possible_loss": 0.0,
            "partial_solutions": [
                {"name": "knows one of the two numbers", "metric": CHANCE / 2, "loss": CHANCE / 2}
            ],
            **summary,
        },
    )
    return record_of({**merged, "seed": 0}, told)
