"""Files are looked at before anything starts, and all that is wrong with them is reported at once."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from failmap.run_folder.errors import UserError
from failmap.search.config import RunConfig
from failmap.search.input_checks import check_files, with_sizes_of_its_file
from failmap.search.loading import load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.RandomState(0)
    inputs = random.normal(size=(1200, 8, 2))
    np.savez(tmp_path / "good.npz", inputs=inputs, targets=inputs.sum((1, 2)) > 0)
    np.savez(tmp_path / "bad.npz", inputs=inputs, targets=np.zeros(1200))
    return tmp_path


def config_of(*words: str, lengths: str = "4,8") -> RunConfig:
    return load(["space=lstm_depth", "task=array_file", f"task.sequence_length={lengths}", *words])


def problems_of(config: RunConfig) -> Any:
    with pytest.raises(UserError) as refusal:
        check_files(config)
    return refusal.value.problems


def test_a_file_that_is_as_it_must_be_passes(folder: Path) -> None:
    check_files(config_of(f"task.path={folder}/good.npz"))


def test_what_every_cell_would_stumble_over_is_told_once(folder: Path) -> None:
    path = f"{folder}/bad.npz"
    assert problems_of(config_of(f"task.path={path}")) == (
        f"task.path={path}: targets: all 1200 labels are 0: there is nothing to tell apart",
    )


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    config = config_of(f"task.path={folder}/good.npz", "task.train_size=100,900,9000")
    assert [problem.partition(": ")[2] for problem in problems_of(config)] == [
        "task.train_size=900: 840 are left for training",
        "task.train_size=9000: 840 are left for training",
    ]


def test_a_length_that_the_file_lacks_is_told(folder: Path) -> None:
    config = config_of(f"task.path={folder}/good.npz", lengths="8,9")
    assert problems_of(config)[0].endswith("task.sequence_length=9: the longest sequence has 8 steps")


def test_a_criterion_within_reach_of_luck_is_told(folder: Path) -> None:
    config = config_of(f"task.path={folder}/good.npz", "criterion.score=0.2")
    (problem, *_) = problems_of(config)
    assert "120 validation sequences" in problem
    (score,) = re.findall(r"criterion\.score=([\d.]+)", problem)
    check_files(config_of(f"task.path={folder}/good.npz", f"criterion.score={score}"))


def test_a_missing_file_is_told(folder: Path) -> None:
    config = config_of(f"task.path={folder}/god.npz")
    assert problems_of(config)[0].endswith("god.npz: no such file; did you mean good.npz?")


def test_a_folder_without_digits_is_told(folder: Path) -> None:
    config = load(["space=mnist_length", f"task.folder={folder}"])
    assert "train-images-idx3-ubyte: no such file" in problems_of(config)[0]


def test_a_file_that_is_not_named_is_told(folder: Path) -> None:
    (problem,) = problems_of(load(["task=array_file"]))
    assert problem == "task.path is missing: name a .npz, .csv or .parquet file"


def test_the_default_space_takes_any_file(folder: Path) -> None:
    check_files(load(["task=array_file", f"task.path={folder}/good.npz"]))


def test_a_forecast_without_its_history_is_told_once() -> None:
    with pytest.raises(UserError) as refusal:
        load(["task=array_file", "task.path=my.csv", "task.target=forecasting"])
    assert refusal.value.problems == (
        "task.sequence_length: is missing: how many steps of history is a forecast shown?",
    )


def test_estimates_go_by_what_the_file_holds(folder: Path) -> None:
    space = load(["task=array_file", f"task.path={folder}/good.npz"]).space
    cell = next(space.cells())
    task = with_sizes_of_its_file(space.trial_config(cell, space.default_recipe(cell), 0)).task
    assert (task.num_steps, task.validation_size) == (8, 120)
