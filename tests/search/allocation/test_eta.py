"""Estimates of the time left, and of what cells would cost."""

import json
from pathlib import Path
from time import monotonic

import pytest

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary, TrialRecord
from failmap.search.allocation.map_allocation import default_cost
from failmap.search.allocation.remaining import Eta, seconds_per_cost, write_costs
from failmap.search.cost import relative_cost
from failmap.search.loading import load

CONFIG = load(["space=smoke", "budget=quick"])
CELLS = list(CONFIG.space.cells())


def record(seconds: float, updates: int, outcome: str = "failed") -> TrialRecord:
    config = CONFIG.space.trial_config(CELLS[0], CONFIG.space.default_recipe(CELLS[0]), 0)
    summary = Summary(outcome=outcome, reason="", updates=updates, seconds=seconds)  # type: ignore[arg-type]
    return TrialRecord(
        0, 1, config.model_dump(mode="json"), CELLS[0].as_dict(), {}, 0, "default", 0, "", summary=summary
    )


def test_only_the_deadline_is_known_before_any_trial_has_ended() -> None:
    assert Eta(5.0, None).seconds_left(5.0, 100.0) is None
    assert Eta(5.0, monotonic() + 10_000).seconds_left(5.0, 100.0) == pytest.approx(10_000, abs=100)


def test_never_negative_after_the_deadline() -> None:
    assert Eta(0.0, monotonic() - 5).seconds_left(0.0, 100.0) == 0


def test_follows_the_cost_of_the_work_done() -> None:
    eta = Eta(5.0, None)
    eta.started -= 60
    assert eta.seconds_left(25.0, 10.0) == pytest.approx(30, abs=10)
    assert eta.seconds_left(25.0, 0.0) == 0


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
