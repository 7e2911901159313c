"""The words of search.rescue and search.ablate, and what is told of wrong ones."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import write_atomically
from failmap.search.config import RunConfig
from failmap.search.interventions.request import read_ablation, read_rescue
from failmap.search.loading import to_yaml


@pytest.fixture
def storage(make_config: Callable[..., RunConfig], tmp_path: Path) -> str:
    """With a run of one facet axis whose labels are numbers."""
    (tmp_path / "tiny").mkdir()
    config = make_config(widths=[8, 32], budget={"minutes": 5, "trials": 9})
    write_atomically(tmp_path / "tiny" / "config.yaml", to_yaml(config))
    return f"storage={tmp_path}"


def problems(read: Callable[[Sequence[str]], Any], *words: str) -> list[str]:
    with pytest.raises(UserError) as raised:
        read(words)
    return list(raised.value.problems)


def test_all_cells_five_seeds_and_the_run_s_own_minutes(storage: str) -> None:
    request = read_rescue(["run=tiny", storage])
    assert (request.labels, request.recipe, request.seeds, request.is_plan) == ({}, 0, 5, False)
    assert request.session.config.budget.minutes == 5
    assert request.session.max_trials is None, "the run's own limit is about its map"
    assert request.session.command == ("python", "-m", "search.rescue", "run=tiny", storage)


def test_a_session_has_limits_of_its_own(storage: str) -> None:
    request = read_ablation(
        ["run=tiny", storage, "trial=3", "budget.minutes=2", "budget.trials=7", "plan=true"]
    )
    assert (request.trial, request.session.max_trials, request.is_plan) == (3, 7, True)
    assert request.session.config.budget.minutes == 2


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("model.depth=2,task.sequence_length=10", {"model.depth": 2, "task.sequence_length": 10}),
        ("depth=2, hidden_size=32", {"model.depth": 2, "model.hidden_size": 32}),
        ("sequence_length=1e1", {"task.sequence_length": 10}),
    ],
)
def test_cells_are_named_by_their_labels(storage: str, text: str, labels: dict[str, Any]) -> None:
    assert read_rescue(["run=tiny", storage, f"cell={text}"]).labels == labels


def test_every_mistake_is_told_with_the_nearest_right_thing(storage: str) -> None:
    told = problems(
        read_rescue,
        "run=tiny",
        storage,
        "cell=model.dept=2,task.sequence_length=7",
        "sees=3",
        "recipe=-1",
        "budget.minutes=0",
        "train.learning_rate=1e-3",
    )
    assert told == [
        "recipe=-1: must be at least 0",
        "sees=3: unknown key; did you mean seeds?",
        "train.learning_rate=1e-3: unknown key; known: run, storage, cell, recipe, seeds, plan, "
        "budget.minutes, budget.trials, cluster, keep",
        "cell=model.dept=2,task.sequence_length=7: 'model.dept' is no axis of the map; did you mean "
        "model.depth?",
        "cell=model.dept=2,task.sequence_length=7: task.sequence_length has no value 7; known: 5, 10",
        "budget.minutes=0: must be greater than 0",
    ]


def test_a_trial_must_be_named(storage: str) -> None:
    assert problems(read_ablation, "run=tiny", storage) == [
        "trial: is missing: which trial that learned? The report lists them by number"
    ]
    assert problems(read_ablation, "run=tiny", storage, "trial=twelve") == [
        "trial=twelve: must be a whole number"
    ]


def test_a_run_that_is_not_there_is_told_by_its_nearest_name(storage: str) -> None:
    (told,) = problems(read_rescue, "run=tinny", storage)
    assert told.endswith("did you mean tiny?")


def test_words_are_read_without_what_takes_seconds_to_import() -> None:
    program = (
        "import sys, search.rescue, search.ablate\n"
        "print(sorted({'torch', 'ray', 'optuna', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
