"""The goal of a run: what the axes allow, what a file says, and what a resumed run may change."""

import pytest

from failmap.run_folder.errors import UserError
from failmap.search.loading import from_yaml, load, resume_config, to_yaml, unresumable_differences

ONE_CELL = ["task.sequence_length=5", "model.depth=1"]


@pytest.mark.parametrize("space", ["lstm_depth", "gru_depth", "rnn_depth"])
def test_the_depth_spaces_look_for_the_edge(space: str) -> None:
    assert load([f"space={space}"]).space.goal == "map"
    assert load([f"space={space}", "goal=grid"]).space.goal == "grid"


def test_others_go_through_the_grid() -> None:
    assert load(["space=optimizer"]).space.goal == "grid"


def test_a_file_s_goal_is_for_the_axes_that_it_has() -> None:
    assert load(ONE_CELL).space.goal == "grid"


@pytest.mark.parametrize(
    "arguments",
    [
        ["goal=map", *ONE_CELL],
        [
            "goal=map",
            "space=lstm_depth",
            "map.x=train.optimizer",
            "train.optimizer=adam,sgd",
            "model.depth=1",
        ],
        ["goal=map", f"task.sequence_length={','.join(map(str, range(5, 60)))}"],
        ["goal=edge"],
    ],
)
def test_a_goal_that_the_axes_cannot_have_is_one_line(arguments: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        load(arguments)
    assert len(raised.value.problems) == 1
    assert raised.value.problems[0].startswith(f"{arguments[0]}: ")


def test_a_run_of_the_other_goal_is_continued() -> None:
    before = load(["goal=grid", "run=mine"])
    assert unresumable_differences(before, load(["goal=map", "run=mine"])) == []
    assert resume_config(before, []).space.goal == "grid"
    assert resume_config(before, ["goal=map"]).space.goal == "map"
    with pytest.raises(UserError, match="goal=maps"):
        resume_config(before, ["goal=maps"])


def test_a_run_from_before_there_were_goals_goes_through_the_grid() -> None:
    stored = to_yaml(load(["run=mine"])).replace("  goal: map\n", "")
    assert from_yaml(stored).space.goal == "grid"
