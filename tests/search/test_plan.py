"""The plan of a run: what it costs and what the budget covers."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.commands.json_output import print_plan
from failmap.search.commands.table import COMMANDS
from failmap.search.loading import load, to_yaml
from failmap.search.plan import make_plan, show_plan
from failmap.search.run_status import read_trials
from tests.search.json_keys import documented_keys
from tests.search.studies import FAILED, ask, open_study

WORDS = ["cluster.cpus=2", "model.depth=1,3", "task.sequence_length=10,100"]


def test_cheap_cells_are_covered_first() -> None:
    plan = make_plan(load([*WORDS, "budget=quick", "budget.minutes=1"]), factor=1.0)
    costs = [plan.seconds[cell] for cell in plan.order]
    assert costs == sorted(costs)
    assert len(plan.order) == 4
    spent = sum(costs[: plan.num_covered]) * 6 / 2
    assert spent <= 60 < spent + costs[plan.num_covered] * 6 / 2


def test_no_limit_covers_everything() -> None:
    plan = make_plan(load([*WORDS, "budget=full", "train.optimizer=adam,sgd"]), factor=1.0)
    assert plan.num_covered == len(plan.order) == len(plan.seconds) == 12
    assert plan.num_recipes == 3


def test_limit_of_trials() -> None:
    assert (
        make_plan(
            load([*WORDS, "budget=quick", "budget.minutes=none", "budget.trials=17"]), factor=1.0
        ).num_covered
        == 2
    )


def test_the_plan_is_shown_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    monkeypatch.chdir(tmp_path)
    console = Console(file=io.StringIO(), width=100)
    show_plan(load([*WORDS, "budget=quick", "model.hidden_size=32"]), console, factor=1.0)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == snapshot
    assert list(tmp_path.iterdir()) == []


def test_names_are_short_and_in_order() -> None:
    console = Console(file=io.StringIO(), width=120)
    show_plan(load(["space=cnn_lstm"]), console, factor=1.0)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "conv_lstm, patch_size=4, hidden_size=32" in text
    assert "name=" not in text
    costs = text.partition("cost of one trial")[2]
    assert costs.index("encoder_decoder") < costs.index("cnn_lstm, flat") < costs.index("conv_lstm")


def test_json_has_the_documented_keys_and_the_plans_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    config = load([*WORDS, "budget=quick", "budget.minutes=1", "train.learning_rate=3e-3,1e-2"])
    plan = make_plan(config, factor=2.0)
    print_plan(config, factor=2.0)
    found = json.loads(capsys.readouterr().out)
    assert set(found) == documented_keys("plan")
    assert {key for axis in found["axes"] for key in axis} <= documented_keys("plan", "axes")
    assert {axis["path"]: axis["role"] for axis in found["axes"]} == {
        "task.sequence_length": "x",
        "model.depth": "y",
        "model.hidden_size": "facet",
        "train.learning_rate": "recipe",
    }
    assert [set(cell) for cell in found["cells"]] == [documented_keys("plan", "cells")] * len(plan.seconds)
    assert [cell["seconds_per_trial"] for cell in found["cells"]] == pytest.approx([*plan.seconds.values()])
    order = sorted(
        (cell for cell in found["cells"] if cell["position"] is not None), key=lambda cell: cell["position"]
    )
    assert [cell["labels"] for cell in order] == [cell.as_dict() for cell in plan.order]
    assert sum(cell["is_covered"] for cell in order) == found["num_covered"] == plan.num_covered
    whole = plan.total_seconds * config.budget.seeds / plan.num_slots
    assert found["default_recipe_seconds"] == pytest.approx(whole)
    assert found["all_recipes_seconds"] == pytest.approx(plan.num_recipes * whole)


def test_json_is_all_that_a_plan_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMANDS["run"].run(["space=smoke", "run=mine", "plan=true", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["run"], found["num_cells"]) == ("mine", 4)


def test_plan_of_a_run_that_exists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan refuses what the run would refuse, and shows what is left if it may be continued."""
    words = ["space=smoke", "run=small", f"storage={tmp_path}"]
    config = load(words)
    folder = RunFolder(tmp_path / "small")
    folder.trials.mkdir(parents=True)
    folder.config.write_text(to_yaml(config))
    study = open_study(config, folder)
    for _ in range(6):
        study.tell(ask(study).number, FAILED)
    study.close()
    before = sorted(tmp_path.rglob("*"))
    for refused in (words, [*words, "train.clip_norm=3"]):
        with pytest.raises(UserError, match="exists already"):
            COMMANDS["run"].run([*refused, "plan=true"])
    for command, arguments in (("run", [*words, "resume=true"]), ("resume", words[1:])):
        capsys.readouterr()
        assert COMMANDS[command].run([*arguments, "budget.minutes=7", "plan=true"]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert "6 trials begun, 1 of 4 cells decided" in shown
        assert "18 trials would be left" in shown
        assert "in 7 minutes" in shown
    assert sorted(tmp_path.rglob("*")) == before
    plan = make_plan(config, 1.0, read_trials(folder))
    assert (plan.num_begun, plan.remaining.num_trials) == (6, 18)
    with pytest.raises(UserError, match=r"^plan=perhaps: "):
        COMMANDS["resume"].run([*words[1:], "plan=perhaps"])


def test_an_order_of_numbers_is_shown_whatever_was_typed() -> None:
    console = Console(file=io.StringIO(), width=120)
    config = load([*WORDS[:1], "model.depth=3,1", "task.sequence_length=100,10,30", "model.hidden_size=32"])
    show_plan(config, console, factor=1.0)
    assert isinstance(console.file, io.StringIO)
    (heading,) = {line for line in console.file.getvalue().splitlines() if "depth \\ sequence" in line}
    assert [word for word in heading.split() if word.isdigit()] == ["10", "30", "100"]
