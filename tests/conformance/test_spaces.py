"""Every space that ships can be searched: with its own task and, where it has its axes, with any other."""

import itertools

import pytest

from datasets.config import TASK_CONFIGS
from models.config import MODEL_CONFIGS
from search.loading import load
from search.loading.groups import question_of, shipped

SPACES = shipped("space")
#: MNIST has a label for a whole digit only, so it has no axis of supervision.
UNFIT = {("supervision", "mnist")}


@pytest.mark.parametrize("space", SPACES)
def test_it_asks_one_question(space: str) -> None:
    question = question_of(space)
    assert question.endswith("?")
    assert "\n" not in question


@pytest.mark.parametrize(
    ("space", "task"), [pair for pair in itertools.product(SPACES, TASK_CONFIGS) if pair not in UNFIT]
)
def test_every_cell_is_a_trial_with_any_task(space: str, task: str) -> None:
    loaded = load([f"space={space}", f"task={task}"]).space
    for cell in loaded.cells():
        config = loaded.trial_config(cell, loaded.default_recipe(cell), seed=0)
        assert config.task.name == task


@pytest.mark.parametrize("model", MODEL_CONFIGS)
@pytest.mark.parametrize("space", SPACES)
def test_it_takes_any_network(space: str, model: str) -> None:
    assert load([f"space={space}", f"model={model}"]).space.name == space


@pytest.mark.parametrize("budget", shipped("budget"))
@pytest.mark.parametrize("cluster", shipped("cluster"))
def test_budgets_and_clusters_load(budget: str, cluster: str) -> None:
    config = load([f"budget={budget}", f"cluster={cluster}"])
    assert (config.budget.name, config.cluster.name) == (budget, cluster)


def test_the_smoke_space_is_tiny() -> None:
    space = load(["space=smoke"]).space
    assert len(list(space.cells())) == 4
    assert space.base["train"]["max_updates"] <= 50
