"""Spaces of own training functions: what they hold, and every mistake at once."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from failmap.analysis.run_config import read_config
from failmap.analysis.table import COLUMNS
from failmap.run_folder.errors import UserError
from failmap.search.config import RunConfig
from failmap.search.loading import from_yaml, load, resume_config, to_yaml, unresumable_differences
from failmap.search.loading.own import TABLE_COLUMNS
from failmap.search.own.config import OwnTrialConfig

SPACE: dict[str, Any] = {
    "question": "How far?",
    "map": {"x": "data.lag", "y": "width"},
    "axes": {
        "data.lag": [20, 5],
        "width": [8, 16],
        "optimizer": ["adam", "sgd"],
        "sgd.momentum": {"values": [0.0, 0.9], "when": {"optimizer": "sgd"}},
        "train.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True, "default": 3e-3},
        "model": [{"cell": "lstm", "depth": 1}, {"cell": "gru", "depth": 2}],
    },
    "fixed": {"train.updates": 100},
    "learned": {"score": 0.9, "in_a_row": 3},
    "chance": 0.5,
}
ARGUMENTS = ["train=my_train.py:train", "space=my_space.yaml", "run=mine"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_train.py").write_text("def train(config, trial): pass\n")
    write(SPACE)


def write(space: dict[str, Any]) -> None:
    Path("my_space.yaml").write_text(yaml.safe_dump(space))


def problems(*arguments: str, **changes: Any) -> list[str]:
    """Return what is told about the space with some keys changed; None removes a key."""
    write({key: value for key, value in {**SPACE, **changes}.items() if value is not None})
    with pytest.raises(UserError) as caught:
        load([*ARGUMENTS, *arguments])
    return list(caught.value.problems)


def test_trial_has_the_settings_of_its_cell_recipe_and_fixed_values() -> None:
    config = load(ARGUMENTS)
    cells = list(config.space.cells())
    assert [cell.as_dict() for cell in cells[:3]] == [
        {"data.lag": 5, "width": 8},
        {"data.lag": 20, "width": 8},
        {"data.lag": 5, "width": 16},
    ]
    trial = config.space.trial_config(cells[0], config.space.default_recipe(cells[0]), 7)
    assert isinstance(trial, OwnTrialConfig)
    assert trial.settings == {
        "data.lag": 5,
        "width": 8,
        "optimizer": "adam",
        "train.learning_rate": 3e-3,
        "train.updates": 100,
        "model.cell": "lstm",
        "model.depth": 1,
    }
    assert (trial.seed, trial.own.function, trial.own.in_a_row) == (7, "my_train.py:train", 3)
    assert trial.own.folder == str(Path.cwd())
    sgd = config.space.complete(cells[0], {"optimizer": "sgd"})
    assert sgd["sgd.momentum"] == 0.0


def test_configuration_comes_back_from_its_file() -> None:
    config = load(ARGUMENTS)
    assert from_yaml(to_yaml(config)) == config
    Path("config.yaml").write_text(to_yaml(config))
    read = read_config(Path("config.yaml"))
    assert read.is_own
    assert read.map_values == {"data.lag": (5, 20), "width": (8, 16)}


def test_arguments_change_axes_values_and_criterion() -> None:
    words = ["width=1,2,4", "train.updates=7", "learned.score=0.8", "optimizer=sgd", "max_updates=9"]
    space = load([*ARGUMENTS, *words, "train.learning_rate.high=0.5"]).space
    assert space.axis("width").values == (1, 2, 4)
    assert space.axis("train.learning_rate").high == 0.5
    assert space.fixed == {"train.updates": 7, "optimizer": "sgd"}
    assert space.own is not None
    assert (space.own.score, space.own.in_a_row, space.own.max_updates) == (0.8, 3, 9)


def test_resume_takes_more_values_and_a_moved_file(tmp_path: Path) -> None:
    config = load(ARGUMENTS)
    assert resume_config(config, ["width=8,16,32"]).space.axis("width").values == (8, 16, 32)
    Path("elsewhere").mkdir()
    Path("elsewhere/my_train.py").write_text("def train(config, trial): pass\n")
    moved = resume_config(config, ["train=elsewhere/my_train.py:train"])
    assert moved.space.own is not None
    assert moved.space.own.folder == str(Path("elsewhere").resolve())
    assert unresumable_differences(config, moved) == []
    for word in ("width=8", "train.updates=5", "train=my_train.py:other", "learned.score=0.1", "odd=1"):
        with pytest.raises(UserError):
            resume_config(config, [word])


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"learned": None}, ["learned"]),
        ({"learned": {"in_a_row": 2}}, ["learned"]),
        ({"better_than_chance": True}, ["learned"]),
        ({"learned": None, "better_than_chance": True, "chance": None}, ["better_than_chance"]),
        ({"learned": {"score": 0.4}}, ["learned.score=0.4"]),
        ({"learned": {"score": "high"}}, ["learned.score=high"]),
        ({"learned": {"score": 0.9, "in_a_row": 0}}, ["learned.in_a_row=0"]),
        ({"learned": {"scor": 0.9}}, ["learned.scor"]),
        ({"chance": None, "perfect": 2}, ["perfect=2"]),
        ({"chance": 1}, ["chance=1"]),
        ({"map": None}, ["map.x", "map.y"]),
        ({"map": {"x": "data.lag"}}, ["map.y"]),
        ({"map": {"x": "data.lag", "y": "widht"}}, ["map.y=widht"]),
        ({"map": {"x": "data.lag", "y": "train.learning_rate"}}, ["map.y=train.learning_rate"]),
        ({"fixed": {"width": 3}}, ["width"]),
        ({"fixed": {"model.cell": "rnn"}}, ["model.cell"]),
        ({"fixed": {"seed": 3}}, ["seed"]),
        ({"fixed": {"updates": 3}}, ["updates"]),
        ({"fixed": {"budget.minutes": 3}}, ["budget.minutes"]),
        ({"task": "adding"}, ["task"]),
        ({"fix": {}}, ["fix"]),
    ],
)
def test_each_mistake_is_told_with_its_key(changes: dict[str, Any], keys: list[str]) -> None:
    told = [line.removeprefix("space my_space.yaml: ") for line in problems(**changes)]
    assert [line.partition(": ")[0] for line in told] == keys


def test_axis_that_is_written_twice_is_told() -> None:
    text = yaml.safe_dump(SPACE).replace("  width:\n", "  width: [1]\n  width:\n")
    assert text.count("  width:") == 2
    Path("my_space.yaml").write_text(text)
    with pytest.raises(UserError, match="width"):
        load(ARGUMENTS)


def test_all_mistakes_are_told_at_once() -> None:
    told = problems(
        "widht=3", "budget.minuts=3", "train.learning_rate.low=5", learned=None, map={"x": "data.lag"}
    )
    for start in ("widht=3", "budget.minuts", "train.learning_rate", "space my_space.yaml: learned", "map.y"):
        assert any(line.startswith(start) for line in told), (start, told)


def test_axis_whose_condition_names_nothing_is_told() -> None:
    axes = {**SPACE["axes"], "sgd.momentum": {"values": [0, 1], "when": {"optimzer": "sgd"}}}
    (told,) = problems(axes=axes)
    assert "did you mean optimizer" in told


@pytest.mark.parametrize("word", ["keep=learned", "test=true"])
def test_setting_that_a_function_cannot_follow_is_told(word: str) -> None:
    (told,) = problems(word)
    assert told.startswith(f"{word}: ")
    if word.startswith("keep"):
        write(SPACE)
        with pytest.raises(UserError, match="keep=learned"):
            resume_config(load(ARGUMENTS), [word])


def test_function_needs_a_space() -> None:
    with pytest.raises(UserError) as caught:
        load(["train=my_trian.py:train"])
    assert [line.partition(":")[0] for line in caught.value.problems] == ["space", "train=my_trian.py"]


def test_settings_of_built_in_trainings_are_still_read_as_such() -> None:
    config = load(["train={learning_rate: 0.01}", "run=built_in"])
    assert not config.space.is_own
    assert isinstance(config, RunConfig)


def test_names_of_columns_are_those_of_the_table() -> None:
    assert set(COLUMNS) == TABLE_COLUMNS
