"""The trials that a command line selects."""

from collections.abc import Callable

import pytest

from failmap.run_folder.errors import UserError
from failmap.search.commands.check import read_check_request
from failmap.search.config import RunConfig
from failmap.search.preflight.selection import select, trial_name


def test_smallest_and_largest_cell_of_every_kind(
    make_config: Callable[..., RunConfig],
) -> None:
    selection = select(make_config(lengths=[5, 10, 20], depths=[1, 2]).space, seed=0)
    ends = [(trial.task.sequence_length, trial.model.depth) for trial in selection.smallest]
    assert ends == [(5, 1), (5, 1)]
    assert [trial.output.loss for trial in selection.smallest] == ["mse", "huber"]
    assert {(trial.task.sequence_length, trial.model.depth) for trial in selection.largest} == {(20, 2)}
    assert any("8 cells between" in line for line in selection.left_out)
    assert any("train.learning_rate, train.optimizer" in line for line in selection.left_out)


def test_trial_settings_select_one_trial() -> None:
    space = read_check_request(
        ["task=parity", "model=gru", "model.depth=3", "train.batch_size=8"]
    ).config.space
    selection = select(space, seed=0)
    (only,) = selection.smallest
    assert trial_name(only) == "parity of 10 steps, gru 3x32, bce_with_logits"
    assert only.train.batch_size == 8
    assert (selection.largest, selection.left_out) == ((), ())


def test_space_selects_the_space() -> None:
    assert read_check_request([]).config.space.name == "lstm_depth"
    assert read_check_request(["space=supervision", "model.depth=2"]).config.space.name == "supervision"
    assert read_check_request(["task=mnist"]).config.space.name == "trial"


def test_mistakes_are_errors() -> None:
    with pytest.raises(UserError, match="did you mean parity"):
        read_check_request(["task=paritty"])
    with pytest.raises(UserError, match=r"search\.run plan=true"):
        read_check_request(["plan=true"])


def test_name_of_a_file_without_its_number_of_steps() -> None:
    space = read_check_request(["task=array_file", "task.path=my.npz", "model=gru"]).config.space
    (only,) = select(space, seed=0).smallest
    assert trial_name(only) == "array_file, gru 1x32, cross_entropy"
