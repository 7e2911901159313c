"""The plan of a run: what it costs and what the budget covers."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from failmap.search.loading import load
from failmap.search.plan import make_plan, show_plan

WORDS = ["cluster.cpus=2", "model.depth=1,3", "task.sequence_length=10,100"]


def test_cells_are_covered_cheap_ones_first() -> None:
    plan = make_plan(load([*WORDS, "budget=quick", "budget.minutes=1"]), factor=1.0)
    costs = [plan.seconds[cell] for cell in plan.order]
    assert costs == sorted(costs)
    assert len(plan.order) == 4
    spent = sum(costs[: plan.num_covered]) * 4 / 2
    assert spent <= 60 < spent + costs[plan.num_covered] * 4 / 2


def test_without_a_limit_everything_is_covered() -> None:
    plan = make_plan(load([*WORDS, "budget=full", "train.optimizer=adam,sgd"]), factor=1.0)
    assert plan.num_covered == len(plan.order) == len(plan.seconds) == 12
    assert plan.num_recipes == 3


def test_a_limit_of_trials_covers_what_it_has_seeds_for() -> None:
    assert (
        make_plan(
            load([*WORDS, "budget=quick", "budget.minutes=none", "budget.trials=11"]), factor=1.0
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


def test_names_in_a_plan_are_short_and_stand_as_the_space_lists_them() -> None:
    console = Console(file=io.StringIO(), width=120)
    show_plan(load(["space=cnn_lstm"]), console, factor=1.0)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "conv_lstm, patch_size=4, hidden_size=32" in text
    assert "name=" not in text
    costs = text.partition("cost of one trial")[2]
    assert costs.index("encoder_decoder") < costs.index("cnn_lstm, flat") < costs.index("conv_lstm")
