"""A run's configuration from command-line arguments."""

import subprocess
import sys
from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.search.loading import load, read_request
from failmap.search.space import Space


def axes(space: Space) -> dict[str, object]:
    return {axis.path: list(axis.values or (axis.low, axis.high)) for axis in space.axes}


def test_no_arguments() -> None:
    config = load([])
    assert config.space.name == "lstm_depth"
    assert config.space.base["task"]["name"] == "adding"
    assert config.cluster.name == "local"


def test_brackets_are_optional() -> None:
    assert load(["model.depth=1,2,5"]).space == load(["model.depth=[1, 2, 5]"]).space
    assert axes(load(["model.depth=1,2,5"]).space)["model.depth"] == [1, 2, 5]


def test_exponents() -> None:
    assert load(["train.learning_rate=1e-3"]).space.base["train"]["learning_rate"] == 0.001
    assert load(["train.max_updates=2e3"]).space.base["train"]["max_updates"] == 2000


def test_one_value() -> None:
    space = load(["train.learning_rate=1e-2", "model.depth=3"]).space
    assert "train.learning_rate" not in axes(space)
    assert axes(space)["model.depth"] == [3]


def test_several_values_make_an_axis() -> None:
    axis = load(["train.optimizer=rmsprop,adam"]).space.axis("train.optimizer")
    assert axis.default == "rmsprop"
    assert "optimizer" not in load(["train.optimizer=rmsprop,adam"]).space.base["train"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["train.learning_rate.low=1e-4", "train.learning_rate.high=1e-1", "train.learning_rate.log=true"],
        ["train.learning_rate={low: 1e-4, high: 1e-1, log: true}"],
    ],
)
def test_range(arguments: list[str]) -> None:
    axis = load(arguments).space.axis("train.learning_rate")
    assert (axis.low, axis.high, axis.log, axis.default) == (1e-4, 1e-1, True, 3e-3)


def test_integer_range() -> None:
    axis = load(["train.batch_size={low: 16, high: 256, log: true}"]).space.axis("train.batch_size")
    assert axis.integer
    assert all(isinstance(value, int) for value in axis.grid())


def test_none_is_no_limit() -> None:
    config = load(["budget=quick", "budget.minutes=none", "train.clip_norm=none"])
    assert config.budget.minutes is None
    assert config.space.base["train"]["clip_norm"] is None


def test_tasks_as_an_axis_of_the_map() -> None:
    space = load(["task=parity,adding", "map.y=task.name", "model.depth=2"]).space
    assert axes(space)["task.name"] == ["parity", "adding"]
    assert {cell.as_dict()["task.name"] for cell in space.cells()} == {"parity", "adding"}


def test_setting_of_some_networks() -> None:
    arguments = ["model=lstm,gru", "model.forget_bias={values: [1.0, 3.0], when: {model.name: lstm}}"]
    space = load(arguments).space
    cell = next(space.cells())
    assert space.complete(cell, {"model.name": "lstm"})["model.forget_bias"] == 1.0
    assert "model.forget_bias" not in space.complete(cell, {"model.name": "gru"})
    space.trial_config(cell, space.complete(cell, {"model.name": "gru"}), seed=0)


def test_joint_choice() -> None:
    arguments = [
        "output={activation: none, loss: mse},{activation: sigmoid, target_range: zero_one, loss: bce}"
    ]
    space = load(arguments).space
    cell = next(space.cells())
    second = space.trial_config(cell, {"output": space.axis("output").values[1]}, seed=0)
    assert second.output.model_dump() == {"activation": "sigmoid", "target_range": "zero_one", "loss": "bce"}


def test_another_task_drops_settings(tmp_path: Path) -> None:
    file = tmp_path / "numbers.yaml"
    file.write_text(
        "{task: parity, model: lstm, map: {x: task.sequence_length, y: model.depth}, "
        "axes: {task.sequence_length: [5, 10], model.depth: [1, 2], task.number_range: [2, 4]}}"
    )
    assert "task.number_range" in axes(load([f"space={file}"]).space)
    request = read_request([f"space={file}", "task=adding"])
    assert "task.number_range" not in axes(request.config.space)
    assert request.notes == ("task.number_range is left out: it is no setting of adding",)


def test_idle_axis_is_dropped() -> None:
    request = read_request(["space=optimizer", "train.optimizer=adam"])
    assert "train.momentum" not in axes(request.config.space)
    assert request.notes == ("train.momentum is left out: train.optimizer is never sgd",)


def test_fixed_axis_keeps_its_condition() -> None:
    space = load(["space=optimizer", "train.momentum=0.5"]).space
    assert space.axis("train.momentum").when == {"train.optimizer": "sgd"}


def test_base_is_complete() -> None:
    base = load([]).space.base
    assert base["output"]["loss"] == "mse"
    assert base["train"]["batch_size"] == 64
    assert "learning_rate" not in base["train"]


def test_recipes_that_must_fail() -> None:
    assert load(["fail_after_recipes=2"]).space.fail_after_recipes == 2


def test_budget_file(tmp_path: Path) -> None:
    (tmp_path / "lunch.yaml").write_text("{minutes: 40, seeds: 6}")
    budget = load([f"budget={tmp_path / 'lunch.yaml'}", "budget.seeds=5"]).budget
    assert (budget.name, budget.minutes, budget.seeds) == ("lunch", 40, 5)


def test_plan_is_no_configuration() -> None:
    assert read_request(["plan=true"]).plan
    assert not read_request([]).plan
    assert read_request(["plan=true"]).config == read_request([]).config


def test_mistakes_import_nothing_slow() -> None:
    program = (
        "import sys\n"
        "from failmap.run_folder.errors import UserError\n"
        "from failmap.search.loading import read_request\n"
        "try:\n    read_request(['space=lstm_dept', 'train.optimizer=adm'])\n"
        "except UserError as error:\n    print(len(error.problems))\n"
        "read_request([])\n"
        "print(sorted({'torch', 'ray', 'optuna', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split("\n")[:2] == ["1", "[]"]


def test_default_space_of_a_file() -> None:
    request = read_request(["task=array_file", "task.path=my.npz"])
    assert request.config.space.name == "my_data"
    assert [note.split(",")[0] for note in request.notes] == ["space=my_data"]
    assert load(["space=lstm_depth", "task=array_file"]).space.name == "lstm_depth"
    assert load(["task=parity"]).space.name == "lstm_depth"


def test_space_without_a_task() -> None:
    with pytest.raises(UserError, match="task: is missing; known: parity, "):
        load(["space=my_data"])
    assert load(["space=my_data", "task=parity"]).space.base["task"]["name"] == "parity"


def test_resume_needs_a_name() -> None:
    assert read_request(["space=smoke", "run=a", "resume=true"]).resume
    assert not read_request(["space=smoke", "run=a"]).resume
    with pytest.raises(UserError, match=r"resume=true: .* run=NAME"):
        read_request(["space=smoke", "resume=true"])
