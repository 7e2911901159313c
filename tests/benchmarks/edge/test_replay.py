"""Replays of searches on truth tables whose trainings are known."""

from dataclasses import asdict
from itertools import islice

import numpy as np
import pytest

from benchmarks.edge.load import as_table, ask_all
from benchmarks.edge.methods import METHODS
from benchmarks.edge.page import as_body, until_right
from benchmarks.edge.replay import MAX_GRIDS, replay, trials_until
from benchmarks.edge.tables import NUM_SEEDS
from benchmarks.edge.truth import Truth
from failmap.search.allocation.map_allocation import default_cost
from failmap.search.space import Cell
from tests.benchmarks.edge.conftest import EVERY, MAX_UPDATES, MakeTruth

_LEARNED_AT = 250


def edge(length: int, depth: int, seed: int) -> int | None:
    """Learn at length 5, on some seeds at 20, and never at 80."""
    return _LEARNED_AT if length == 5 or (length == 20 and seed < 4) else None


def full_costs(truth: Truth) -> dict[Cell, float]:
    """Return what trials that use up their updates cost."""
    return {cell: default_cost(truth.table.config, cell) for cell in truth.share}


def test_truth_counts_what_learned_in_the_maps_budget(make_truth: MakeTruth) -> None:
    """One that learns later has failed, and costs the whole budget."""
    late = MAX_UPDATES + EVERY
    truth = make_truth(lambda length, depth, seed: {5: _LEARNED_AT, 20: late, 80: None}[length])
    shares = {cell.values[0]: share for cell, share in truth.share.items()}
    assert shares == {5: 1.0, 20: 0.0, 80: 0.0}
    full = full_costs(truth)
    for cell, trainings in truth.trainings.items():
        expected = full[cell] * (_LEARNED_AT / MAX_UPDATES if cell.values[0] == 5 else 1)
        assert [training.cost for training in trainings] == pytest.approx([expected] * NUM_SEEDS)
        assert {training.score for training in trainings} == {0.95 if cell.values[0] == 5 else 0.1}
    assert truth.grid_cost == pytest.approx(
        sum(NUM_SEEDS * trainings[0].cost for trainings in truth.trainings.values())
    )
    assert truth.grid_trials == 72


def test_clear_cells_are_those_far_from_one_half(make_truth: MakeTruth) -> None:
    """Seven of eight are clear, six and a half of them are not."""
    num = {(20, 1): 7, (20, 2): 6, (20, 3): 1}
    truth = make_truth(
        lambda length, depth, seed: (
            _LEARNED_AT if seed < num.get((length, depth), 8 * (length == 5)) else None
        )
    )
    clear = {cell.values[:2]: learns for cell, learns in truth.clear.items() if cell.values[0] == 20}
    assert clear == {(20, 1): True, (20, 3): False}
    assert len(truth.clear) == 8


def test_incomplete_table_is_refused(make_truth: MakeTruth) -> None:
    """A cell that lacks a seed is counted."""
    table = make_truth(edge).table
    lines = table.path.read_text(encoding="utf-8").splitlines(keepends=True)
    table.path.write_text("".join(lines[:-2]), encoding="utf-8")
    assert table.num_missing == 2
    with pytest.raises(AssertionError):
        Truth(table)


def test_every_seed_comes_once_and_then_again_at_random(make_truth: MakeTruth) -> None:
    """A cell's trainings are drawn again once they are used up, the same ones for the same seed."""
    truth = make_truth(lambda length, depth, seed: 50 * (1 + seed))
    cell = next(iter(truth.share))
    updates = [training.updates for training in islice(truth.streams(3)[cell], 40)]
    known = {50 * (1 + seed) for seed in range(NUM_SEEDS)}
    assert set(updates[:NUM_SEEDS]) == known
    assert set(updates[NUM_SEEDS:]) <= known
    assert len(set(updates[NUM_SEEDS:])) > 1
    assert updates == [training.updates for training in islice(truth.streams(3)[cell], 40)]
    assert updates != [training.updates for training in islice(truth.streams(4)[cell], 40)]


def test_costs_of_a_grid_are_those_computed_by_hand(make_truth: MakeTruth) -> None:
    """Six seeds of each cell decide it, and the last one of them makes the share large enough."""
    truth = make_truth(lambda length, depth, seed: _LEARNED_AT if length == 5 else None)
    found = replay(truth, METHODS["today"], seed=0)
    costs = {cell: trainings[0].cost for cell, trainings in truth.trainings.items()}
    assert len(found.costs) == 6 * 9
    assert found.costs[-1] == pytest.approx(6 * sum(costs.values()))
    assert found.trials_until_right == 6 * 9
    assert found.cost_until_right == pytest.approx(6 * sum(costs.values()))
    assert until_right([found], truth) == pytest.approx([6 / 8])
    assert (found.num_measured, found.num_inferred, found.num_open) == (9, 0, 0)
    assert found.right[-1] == 1
    assert set(found.wrong) == {0}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.5, 0.96, 1.0], 2),
        ([0.96, 0.5, 0.96, 1.0], 3),
        ([0.5, 1.0, 0.9], None),
        ([1.0, 1.0], 1),
        ([], None),
    ],
)
def test_share_must_be_reached_and_kept(shares: list[float], expected: int | None) -> None:
    """What is lost again does not count."""
    assert trials_until(shares, 0.95) == expected


@pytest.mark.parametrize(
    "name",
    # Rules of eight folds are calibrated for those that stop trials.
    [pytest.param(name, marks=[pytest.mark.long] if METHODS[name].stops else []) for name in METHODS],
)
def test_method_ends_and_repeats_itself(name: str, make_truth: MakeTruth) -> None:
    """Each decides the clear cells rightly, within the limits, in the same way for the same seed."""
    truth = make_truth(edge)
    found = replay(truth, METHODS[name], seed=1)
    assert found.costs[-1] < (MAX_GRIDS + 0.1) * truth.grid_cost
    assert len(found.costs) == len(found.right) == len(found.wrong) <= 9 * truth.table.config.budget.max_seeds
    assert found.right[-1] == 1
    assert found.wrong[-1] == 0
    assert found.trials_until_right is not None
    assert 0 <= found.brier < 0.05
    assert found.num_measured + found.num_inferred + found.num_open == 9
    assert asdict(replay(truth, METHODS[name], seed=1)) == asdict(found)


def test_inference_saves_trials(make_truth: MakeTruth) -> None:
    """The same order with inferred verdicts asks for fewer trials, and marks which cells were inferred."""
    truth = make_truth(edge)
    today, grid = (replay(truth, METHODS[name], seed=0) for name in ("today", "grid"))
    assert len(grid.costs) < len(today.costs)
    assert today.num_inferred == 0 < grid.num_inferred


def test_page_has_a_row_for_each_method(make_truth: MakeTruth) -> None:
    """Tables that are not complete are named with what they lack."""
    truth = make_truth(edge)
    replays = {"synthetic": {name: [replay(truth, METHODS[name], seed=0)] for name in ("today", "grid")}}
    body = as_body(replays, {"synthetic": truth}, {"order": 17})
    rows = [line.split(" | ") for line in body.splitlines() if line.startswith(("| today", "| grid"))]
    shares = [until_right(replays["synthetic"][name], truth)[0] for name in ("today", "grid")]
    assert [row[1] for row in rows] == [f"{100 * share:.1f}" for share in shares]
    assert "order lacks 17 trainings" in body


def test_load_times_every_decision() -> None:
    """There is a time for each decision, and trials of one cell follow it."""
    times, num_trials = ask_all(max_trials=12, pending=4, batch=3, seed=0)
    assert num_trials == 12
    assert times.shape == (4, 2)
    assert (times > 0).all()


def test_share_of_a_core_is_of_cpu_time() -> None:
    """Twenty milliseconds, five times a second, are a tenth."""
    lines = as_table(np.array([[0.04, 0.02]] * 8), per_second=5.0).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines[2:]]
    assert [row[1:] for row in rows] == [["40", "40", "40", "20.0", "20", "10.0"]] * 5
