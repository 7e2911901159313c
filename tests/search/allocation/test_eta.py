"""Estimates of the time left, and of what cells would cost."""

import json
from pathlib import Path
from time import monotonic

import pytest

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary, TrialRecord
from failmap.search.allocation.cell_needs import TrialNote
from failmap.search.allocation.eta import Eta, default_cost, seconds_per_cost, write_costs
from failmap.search.cost import relative_cost
from failmap.search.loading import load
from failmap.search.study import Results

CONFIG = load(["space=smoke", "budget=quick"])
CELLS = list(CONFIG.space.cells())


def results(num_ended: int) -> Results:
    cell = CELLS[0]
    notes = [TrialNote(number, cell, 0, "default", number, "learned") for number in range(num_ended)]
    return Results({cell: notes}, {"learned": num_ended}, 0)


def record(seconds: float, updates: int, outcome: str = "failed") -> TrialRecord:
    config = CONFIG.space.trial_config(CELLS[0], CONFIG.space.default_recipe(CELLS[0]), 0)
    summary = Summary(outcome=outcome, reason="", updates=updates, seconds=seconds)  # type: ignore[arg-type]
    return TrialRecord(
        0, 1, config.model_dump(mode="json"), CELLS[0].as_dict(), {}, 0, "default", 0, "", summary=summary
    )


def test_before_any_trial_has_ended_only_the_deadline_is_known() -> None:
    assert Eta(CONFIG, None).seconds_left(results(0)) is None
    left = Eta(CONFIG, monotonic() + 10_000).seconds_left(results(0))
    assert left == pytest.approx(10_000, abs=100)


def test_the_deadline_is_the_most_that_is_left_and_never_negative() -> None:
    assert Eta(CONFIG, monotonic() - 5).seconds_left(results(0)) == 0


def test_less_is_left_the_more_cells_are_decided() -> None:
    everything = Results(
        {cell: [TrialNote(0, cell, 0, "default", seed, "learned") for seed in range(4)] for cell in CELLS},
        {"learned": 16},
        0,
    )
    pace = Eta(CONFIG, None)
    assert pace.seconds_left(results(0)) is None
    some = pace.seconds_left(results(2))
    assert some is not None
    assert some > 0
    assert pace.seconds_left(everything) == 0


def test_costs_are_what_the_runs_own_trials_took(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    budget = CONFIG.space.base["train"]["max_updates"]
    records = [record(3.0, budget), record(1.5, budget // 2), record(99.0, budget, "errored")]
    factor = seconds_per_cost(records)
    assert factor is not None
    write_costs(CONFIG, folder, records)
    rows = json.loads(folder.costs.read_text())
    assert [row["cell"] for row in rows] == [cell.as_dict() for cell in CELLS]
    assert rows[0]["seconds_per_trial"] == pytest.approx(3.0)
    dearer = CONFIG.space.trial_config(CELLS[-1], CONFIG.space.default_recipe(CELLS[-1]), 0)
    assert default_cost(CONFIG, CELLS[-1]) == relative_cost(dearer)
    assert rows[-1]["seconds_per_trial"] > rows[0]["seconds_per_trial"]


def test_without_trials_there_are_no_costs(tmp_path: Path) -> None:
    write_costs(CONFIG, RunFolder(tmp_path), [])
    assert not RunFolder(tmp_path).costs.exists()
