"""Estimated costs order the cells and scale with what a trial does."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.config import TASK_CONFIGS
from models.config import MODEL_CONFIGS
from search.cost import machine_factor, relative_cost
from search.trial.config import TrialConfig


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


@given(
    length=st.integers(2, 500),
    depth=st.integers(1, 8),
    hidden_size=st.integers(1, 512),
    model=st.sampled_from(["rnn", "gru", "lstm"]),
)
def test_longer_deeper_and_wider_cost_more(length: int, depth: int, hidden_size: int, model: str) -> None:
    cost = relative_cost(trial(length, depth, hidden_size, model))
    assert 0 < cost < relative_cost(trial(length + 1, depth, hidden_size, model))
    assert cost < relative_cost(trial(length, depth + 1, hidden_size, model))
    assert cost < relative_cost(trial(length, depth, hidden_size + 1, model))


def test_twice_the_updates_cost_twice() -> None:
    once, twice = (relative_cost(trial(max_updates=updates)) for updates in (1000, 2000))
    assert math.isclose(twice, 2 * once)


def test_shorter_training_sequences_cost_less() -> None:
    fixed = trial(length=100)
    uniform = fixed.model_copy(
        update={"task": fixed.task.model_copy(update={"length_distribution": "uniform"})}
    )
    assert relative_cost(uniform) < relative_cost(fixed)


@pytest.mark.parametrize("model", MODEL_CONFIGS)
def test_every_network_has_a_cost_that_grows_with_what_it_does(model: str) -> None:
    def cost(length: int = 6, **settings: int) -> float:
        return relative_cost(
            TrialConfig.model_validate(
                {
                    "task": {"name": "moving_mnist", "sequence_length": length, "frame_size": 32},
                    "model": {"name": model, "depth": 2, "hidden_size": 16, **settings},
                }
            )
        )

    assert 0 < cost() < cost(length=7)
    assert cost() < cost(depth=3)
    assert cost() < cost(hidden_size=32)


@pytest.mark.parametrize("task", TASK_CONFIGS)
def test_every_task_has_a_cost(task: str) -> None:
    config = TrialConfig.model_validate({"task": {"name": task}, "model": {"name": "lstm"}})
    assert relative_cost(config) > 0


def test_this_machine_is_measured_within_two_orders_of_magnitude() -> None:
    assert 0.01 < machine_factor() < 100
