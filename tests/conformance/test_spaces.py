"""Conformance of the spaces that ship: each loads, and each value of each axis trains."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from failmap.models.config import MODEL_CONFIGS
from failmap.search.cost import relative_cost
from failmap.search.loading import load
from failmap.search.loading.cli_args import question_of, shipped
from failmap.search.space import Cell, Space, alternatives
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.evaluation import measure
from failmap.search.trial.precision import PrecisionError
from failmap.search.trial.training import Training

SPACES = shipped("space")
#: Spaces whose axes exist in any network and in any task with a length.
PLAIN = ("lstm_depth", "gru_depth", "rnn_depth", "width_or_updates", "smoke", "my_data")

Arguments = Callable[[str], list[str]]


@pytest.fixture
def arguments(tmp_path: Path) -> Arguments:
    """Return a function from a space to the arguments that load it; the user's own data need a file."""

    def of(space: str) -> list[str]:
        if space != "my_data":
            return [f"space={space}"]
        inputs = np.random.RandomState(0).normal(size=(400, 6, 2))
        np.savez(tmp_path / "tiny.npz", inputs=inputs, targets=inputs.sum((1, 2)) > 0)
        return [f"space={space}", "task=array_file", f"task.path={tmp_path / 'tiny.npz'}"]

    return of


@pytest.mark.parametrize("space", SPACES)
def test_question(space: str) -> None:
    question = question_of(space)
    assert question.endswith("?")
    assert "\n" not in question


@pytest.mark.parametrize("space", SPACES)
def test_cells_are_trials(space: str, arguments: Arguments) -> None:
    loaded = load(arguments(space)).space
    cells = [loaded.trial_config(cell, loaded.default_recipe(cell), seed=0) for cell in loaded.cells()]
    assert len({cell.model_dump_json() for cell in cells}) == len(cells), "no two cells are the same"


@pytest.mark.parametrize("space", SPACES)
def test_every_value_trains(space: str, arguments: Arguments) -> None:
    for config in one_of_each_value(load(arguments(space)).space):
        try:
            training = Training(config, torch.device("cpu"))
        except PrecisionError:
            continue
        interval = training.run(0, 1, lambda: False)
        assert interval is not None
        assert torch.isfinite(interval.losses).all(), config
        few = next(training.task.validation_set().split(8))
        measured = measure(training.model, training.objective, few, training.precision)
        assert math.isfinite(measured.metric), config


def one_of_each_value(space: Space) -> Iterator[TrialConfig]:
    """Yield for each value of each axis the cheapest trial with it, in small batches."""
    cells = list(space.cells())
    seen = set()
    for axis in space.axes:
        for value in axis.grid():
            trials = list(trials_with(space, cells, axis.path, axis.label(value), value))
            cheapest = min(trials, key=relative_cost)
            if cheapest.model_dump_json() not in seen:
                seen.add(cheapest.model_dump_json())
                yield cheapest


def trials_with(space: Space, cells: list[Cell], path: str, label: Any, value: Any) -> Iterator[TrialConfig]:
    for cell in cells:
        if path in space.map_paths:
            if cell.as_dict()[path] != label:
                continue
            recipe = space.default_recipe(cell)
        else:
            conditions = {on: alternatives(wanted)[0] for on, wanted in space.axis(path).when.items()}
            if any(cell.as_dict().get(on, wanted) != wanted for on, wanted in conditions.items()):
                continue
            recipe = space.complete(cell, {**conditions, path: value})
        values = space.trial_values(cell, recipe, seed=0)
        values["train"]["batch_size"] = 4
        yield TrialConfig.model_validate(values)


@pytest.mark.parametrize("task", ["parity", "adding", "delayed_recall", "temporal_order", "mnist"])
@pytest.mark.parametrize("space", PLAIN)
def test_another_task(space: str, task: str) -> None:
    loaded = load([f"space={space}", f"task={task}"]).space
    for cell in loaded.cells():
        config = loaded.trial_config(cell, loaded.default_recipe(cell), seed=0)
        assert config.task.name == task


@pytest.mark.parametrize("model", [name for name, model in MODEL_CONFIGS.items() if not model.needs_frames])
@pytest.mark.parametrize("space", PLAIN)
def test_another_network(space: str, model: str, arguments: Arguments) -> None:
    assert load([*arguments(space), f"model={model}"]).space.name == space


@pytest.mark.parametrize("budget", shipped("budget"))
@pytest.mark.parametrize("cluster", shipped("cluster"))
def test_budgets_and_clusters(budget: str, cluster: str) -> None:
    config = load([f"budget={budget}", f"cluster={cluster}"])
    assert (config.budget.name, config.cluster.name) == (budget, cluster)


def test_smoke_is_tiny() -> None:
    space = load(["space=smoke"]).space
    assert len(list(space.cells())) == 4
    assert space.base["train"]["max_updates"] <= 50
