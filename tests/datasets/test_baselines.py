"""Simple predictors, measured on any task."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from failmap.datasets import build_task
from failmap.datasets.baselines import Baseline, Ridge, measure_baselines
from failmap.datasets.config import TASK_CONFIGS
from failmap.datasets.task import Task


def build(name: str, **values: Any) -> Task:
    return build_task(TASK_CONFIGS[name].model_validate({"name": name, **values}))


def measured(task: Task, **values: Any) -> dict[str, Baseline]:
    return {baseline.name: baseline for baseline in measure_baselines(task, **values)}


def test_no_baseline_solves_parity() -> None:
    baselines = measured(build("parity", test_size=2000))
    for baseline in baselines.values():
        assert baseline.metric == pytest.approx(0.5, abs=0.06)
    assert baselines["constant"].loss == pytest.approx(math.log(2), abs=0.01)


def test_a_linear_map_sums_and_recalls() -> None:
    summed = measured(build("sum_regression"))
    assert summed["constant"].metric == pytest.approx(10 / 12, rel=0.2)
    assert summed["linear"].metric < 1e-6
    assert measured(build("delayed_recall", num_symbols=5))["linear"].metric == 1


def test_a_linear_map_of_few_distinct_inputs() -> None:
    """All sequences of this task are two, so that their products are far from full rank."""
    assert measured(build("delayed_recall", num_symbols=2, sequence_length=30))["linear"].metric == 1


def test_a_linear_map_reads_digits() -> None:
    digits = measured(build("mnist"))
    assert digits["constant"].metric == pytest.approx(0.1)
    assert digits["constant"].loss == pytest.approx(math.log(10), abs=0.01)
    assert 0.8 < digits["linear"].metric < 0.95
    assert digits["linear"].loss < digits["constant"].loss


@pytest.mark.parametrize("lengths", ["fixed", "uniform", "curriculum"])
def test_labels_at_every_step_and_mixed_lengths(lengths: str) -> None:
    task = build("adding", supervision="every_step", length_distribution=lengths)
    baselines = measured(task, num_train=500)
    assert baselines["linear"].metric < baselines["constant"].metric


def test_a_forecast_repeats_the_last_value(tmp_path: Path) -> None:
    walk = np.random.RandomState(0).normal(size=(3000, 2)).cumsum(0)
    np.savez(tmp_path / "walk.npz", series=walk)
    task = build(
        "array_file", path=str(tmp_path / "walk.npz"), target="forecasting", sequence_length=5, horizon=2
    )
    baselines = measured(task)
    known = {level.name: level.metric for level in task.partial_solutions}
    # No forecast of a random walk is better than its last value.
    assert baselines["last value"].metric < 0.5 * baselines["constant"].metric
    assert baselines["linear"].metric == pytest.approx(baselines["last value"].metric, rel=0.2)
    assert baselines["last value"].metric == pytest.approx(known["repeats the last value"])


def test_steps_that_only_fill_up_count_nothing(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    inputs, lengths = random.normal(size=(600, 6, 1)), random.randint(1, 7, 600)
    np.savez(tmp_path / "my.npz", inputs=inputs, targets=3 * inputs[..., 0] + 100, lengths=lengths)
    task = build(
        "array_file",
        path=str(tmp_path / "my.npz"),
        target="regression",
        supervision="every_step",
        normalise=False,
    )
    assert measured(task)["constant"].metric == pytest.approx(9, rel=0.3)
    assert measured(task)["linear"].metric < 0.5


def test_the_same_seed_gives_the_same_baselines() -> None:
    first, again, other = (measured(build("adding"), seed=seed, num_train=200) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_ridge_finds_the_map_that_made_the_targets() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, asked = (torch.randn(num, 20, generator=generator) for num in (200, 50))
    weights = torch.randn(20, 3, generator=generator)
    predicted = Ridge.fit(inputs, inputs @ weights + 5).predict(asked)
    torch.testing.assert_close(predicted, asked @ weights + 5, atol=0.01, rtol=0.01)


def test_ridge_gives_up_on_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, asked = (torch.randn(num, 300, generator=generator) for num in (1000, 500))
    noise = torch.randn(1000, 1, generator=generator)
    assert Ridge.fit(inputs, noise).predict(asked).square().mean() < 0.3
