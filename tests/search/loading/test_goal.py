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


RANGES = ["train.learning_rate={low: 1e-4, high: 1e-1, log: true}", "model.hidden_size={low: 8, high: 64}"]
BEST = ["goal=best", "task=adding", "model.depth=1", "task.sequence_length=5", *RANGES]


def test_the_best_recipe_needs_no_map() -> None:
    config = load(BEST)
    assert config.space.map_paths == ()
    assert {axis.path for axis in config.space.axes} == {"train.learning_rate", "model.hidden_size"}
    assert [(one.name, one.direction) for one in config.space.objectives] == [("score", "maximize")]
    assert (config.sampler, config.keep, config.halving.first_rung) == ("tpe", "best", 1)
    halving = load([*BEST, "pruner=halving", "halving.factor=4"]).halving
    assert (halving.first_rung, halving.factor) == (1, 4)
    assert load([*BEST, "pruner=halving", "halving.first_rung=3"]).halving.first_rung == 3
    assert config.space.base["model"]["depth"] == 1
    assert from_yaml(to_yaml(config)) == config


def test_several_objectives() -> None:
    config = load([*BEST, "objective=validation_loss,parameters,seconds"])
    assert [one.direction for one in config.space.objectives] == ["minimize"] * 3
    assert config.sampler == "nsga2"
    assert load([*BEST, "objective=validation_loss"]).space.objectives[0].name == "validation_loss"


def test_a_file_without_a_map() -> None:
    config = load(["space=best_lstm"])
    assert config.space.goal == "best"
    assert len(config.space.recipe_axes) == len(config.space.axes)


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["objective=scores"], "objective=scores: "),
        (["objective=score,score"], "objective: "),
        (["objective=score:min"], "objective=score:min: "),
        (["objective=parameters"], "objective=parameters: "),
        (["sampler=cmaes", "model.hidden_size=8"], "sampler=cmaes: "),
        (["sampler=cmaes", "objective=score,seconds"], "sampler=cmaes: "),
        (["pruner=median", "objective=score,seconds"], "pruner=median: "),
        (["shard=1/2"], "shard=1/2: "),
    ],
)
def test_what_does_not_go_with_the_best_recipe_is_one_line(arguments: list[str], start: str) -> None:
    with pytest.raises(UserError) as raised:
        load([*BEST, *arguments] if "model.hidden_size=8" not in arguments else [*BEST[:-1], *arguments])
    assert [line.startswith(start) for line in raised.value.problems] == [True]


def test_all_axes_may_be_fixed_by_mistake() -> None:
    with pytest.raises(UserError) as raised:
        load([*BEST[:4], "train.learning_rate=1e-3", "model.hidden_size=8"])
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize(
    "arguments", [["sampler=gp"], ["pruner=median"], ["keep=best"], ["objective=validation_loss"]]
)
def test_what_only_the_best_recipe_has_is_one_line(arguments: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        load(["space=lstm_depth", *arguments])
    assert len(raised.value.problems) == 1


def test_a_map_is_not_continued_as_a_search_for_the_best_recipe() -> None:
    before = load(["goal=grid", "run=mine"])
    with pytest.raises(UserError, match="goal: grid -> best"):
        resume_config(before, ["goal=best"])
    best = load([*BEST, "run=mine"])
    assert resume_config(best, ["budget.minutes=7"]).budget.minutes == 7
    for argument in ("goal=map", "objective=validation_loss", "train.max_updates=9000"):
        with pytest.raises(UserError):
            resume_config(best, [argument])
