"""Estimated costs of trials."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.datasets.config import TASK_CONFIGS
from failmap.models.config import MODEL_CONFIGS
from failmap.search.cost import machine_factor, relative_cost
from failmap.search.trial.config import TrialConfig


def trial(
    length: int = 10, depth: int = 1, hidden_size: int = 32, model: str = "lstm", **train: int
) -> TrialConfig:
    return TrialConfig.model_validate(
        {
            "task": {"name": "adding", "sequence_length": length},
            "model": {"name": model, "depth": depth, "hidden_size": hidden_size},
            "train": train,
        }
    )


def cost_of(task: dict[str, Any], model: dict[str, Any] | None = None, **train: Any) -> float:
    values = {"task": task, "model": model or {"name": "lstm"}, "train": train}
    return relative_cost(TrialConfig.model_validate(values))


@given(
    length=st.integers(2, 500),
    depth=st.integers(1, 8),
    hidden_size=st.integers(1, 512),
    model=st.sampled_from(["rnn", "gru", "lstm"]),
)
def test_cost_grows_with_length_depth_and_width(
    length: int, depth: int, hidden_size: int, model: str
) -> None:
    cost = relative_cost(trial(length, depth, hidden_size, model))
    assert 0 < cost < relative_cost(trial(length + 1, depth, hidden_size, model))
    assert cost < relative_cost(trial(length, depth + 1, hidden_size, model))
    assert cost < relative_cost(trial(length, depth, hidden_size + 1, model))


def test_cost_is_proportional_to_updates() -> None:
    once, twice = (relative_cost(trial(max_updates=updates)) for updates in (1000, 2000))
    assert math.isclose(twice, 2 * once)


def test_shorter_training_sequences_cost_less() -> None:
    fixed = trial(length=100)
    uniform = fixed.model_copy(
        update={"task": fixed.task.model_copy(update={"length_distribution": "uniform"})}
    )
    assert relative_cost(uniform) < relative_cost(fixed)


@pytest.mark.parametrize("model", MODEL_CONFIGS)
def test_network_cost_grows_with_its_size(model: str) -> None:
    def cost(length: int = 6, **settings: int) -> float:
        task = {"name": "adding", "sequence_length": length}
        if MODEL_CONFIGS[model].needs_frames:
            task = {"name": "moving_mnist", "sequence_length": length, "frame_size": 32}
        return cost_of(task, {"name": model, "depth": 2, "hidden_size": 16, **settings})

    assert 0 < cost() < cost(length=7)
    assert cost() < cost(depth=3)
    assert cost() < cost(hidden_size=32)


@pytest.mark.parametrize("task", TASK_CONFIGS)
def test_every_task_has_a_cost(task: str) -> None:
    assert cost_of({"name": task}) > 0


def test_teacher_forced_decoder_is_called_once_in_training() -> None:
    def cost(**model: Any) -> float:
        decoder = {"name": "encoder_decoder", "hidden_size": 64, **model}
        task = {"name": "moving_mnist", "frame_size": 16, "digit_size": 8, "test_size": 2}
        return cost_of(task, decoder, max_updates=1000, evaluate_every=1000)

    taught, own = cost(decoder_input="teacher"), cost(decoder_input="own")
    assert taught < own
    assert taught > cost(decoder_input="zero"), "in validation it sees its own"
    assert cost(decoder_input="teacher", final_true_share=0.5) == own


def test_enumerated_task_validates_on_all_inputs() -> None:
    def evaluation_cost(length: int, test_size: int) -> float:
        often, once = (
            cost_of(
                {"name": "parity", "sequence_length": length, "test_size": test_size},
                max_updates=100,
                evaluate_every=every,
            )
            for every in (1, 100)
        )
        return (often - once) / 99

    assert evaluation_cost(3, 1024) == evaluation_cost(3, 4096), "8 inputs, whatever is asked for"
    assert evaluation_cost(3, 1024) < evaluation_cost(4, 1024)
    assert evaluation_cost(16, 1024) < evaluation_cost(16, 2048), "65,536 inputs are enough to hold some out"


@pytest.mark.parametrize(
    ("task", "num_train"),
    [
        ({"name": "adding", "train_size": 300}, 300),
        ({"name": "parity", "sequence_length": 3, "train_size": 300}, 8),
        ({"name": "mnist"}, 3500),
        ({"name": "mnist", "train_size": 100}, 100),
        ({"name": "mnist", "folder": "mnist"}, 59_500),
    ],
)
def test_full_batch_costs_as_much_as_one_of_its_size(task: dict[str, Any], num_train: int) -> None:
    assert cost_of(task, batch_size="full") == cost_of(task, batch_size=num_train)


def test_cost_of_a_file_grows_with_its_steps() -> None:
    file = {"name": "array_file", "path": "my.npz"}
    assert cost_of({**file, "sequence_length": 5}) < cost_of({**file, "sequence_length": 0})


def test_machine_factor_is_plausible() -> None:
    assert 0.01 < machine_factor() < 100
