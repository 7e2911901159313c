"""The arguments of search.rescue and search.ablate, and the errors for invalid ones."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import write_atomically
from failmap.search.config import RunConfig
from failmap.search.interventions.request import AblationArguments, RescueArguments, Session, read_session
from failmap.search.loading import to_yaml


@pytest.fixture
def storage(make_config: Callable[..., RunConfig], tmp_path: Path) -> str:
    """A storage with one run, whose facet axis has numeric labels."""
    (tmp_path / "tiny").mkdir()
    config = make_config(widths=[8, 32], budget={"minutes": 5, "trials": 9})
    write_atomically(tmp_path / "tiny" / "config.yaml", to_yaml(config))
    return f"storage={tmp_path}"


def read_rescue(arguments: Sequence[str]) -> Session[RescueArguments]:
    return read_session("rescue", RescueArguments, arguments)


def read_ablation(arguments: Sequence[str]) -> Session[AblationArguments]:
    return read_session("ablate", AblationArguments, arguments)


def problems(read: Callable[[Sequence[str]], Any], *arguments: str) -> list[str]:
    with pytest.raises(UserError) as raised:
        read(arguments)
    return list(raised.value.problems)


def test_defaults(storage: str) -> None:
    session = read_rescue(["run=tiny", storage])
    assert (session.arguments, session.labels) == (RescueArguments(recipe=0, seeds=5, plan=False), {})
    assert session.config.budget.minutes == 5
    assert session.max_trials is None, "the run's own limit is for its map"
    assert session.command == ("python", "-m", "search.rescue", "run=tiny", storage)


def test_session_has_its_own_limits(storage: str) -> None:
    session = read_ablation(
        ["run=tiny", storage, "trial=3", "budget.minutes=2", "budget.trials=7", "plan=true"]
    )
    assert (session.arguments, session.max_trials) == (AblationArguments(trial=3, plan=True), 7)
    assert session.config.budget.minutes == 2


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("model.depth=2,task.sequence_length=10", {"model.depth": 2, "task.sequence_length": 10}),
        ("depth=2, hidden_size=32", {"model.depth": 2, "model.hidden_size": 32}),
        ("sequence_length=1e1", {"task.sequence_length": 10}),
    ],
)
def test_labels_of_cells(storage: str, text: str, labels: dict[str, Any]) -> None:
    assert read_rescue(["run=tiny", storage, f"cell={text}"]).labels == labels


def test_all_mistakes_are_reported_with_alternatives(storage: str) -> None:
    lines = problems(
        read_rescue,
        "run=tiny",
        storage,
        "cell=model.dept=2,task.sequence_length=7",
        "sees=3",
        "recipe=-1",
        "budget.minutes=0",
        "train.learning_rate=1e-3",
    )
    expected = [
        ("recipe=-1", "at least 0"),
        ("sees=3", "seeds?"),
        ("train.learning_rate=1e-3", "run, storage, cell, recipe, seeds, plan, own_code, budget.minutes"),
        ("cell=model.dept=2", "model.depth?"),
        ("cell=model.dept=2", "task.sequence_length has no value 7; known: 5, 10"),
        ("budget.minutes=0", "greater than 0"),
    ]
    assert len(lines) == len(expected)
    for line, (argument, hint) in zip(lines, expected, strict=True):
        assert line.startswith(argument)
        assert hint in line


def test_ablation_needs_a_trial_number(storage: str) -> None:
    (line,) = problems(read_ablation, "run=tiny", storage)
    assert line.startswith("trial: ")
    (line,) = problems(read_ablation, "run=tiny", storage, "trial=twelve")
    assert line.startswith("trial=twelve: ")


def test_unknown_run_suggests_the_nearest_name(storage: str) -> None:
    (line,) = problems(read_rescue, "run=tinny", storage)
    assert line.endswith("did you mean tiny?")


def test_arguments_are_read_without_slow_imports() -> None:
    program = (
        "import sys, search.rescue, search.ablate\n"
        "print(sorted({'torch', 'ray', 'optuna', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
