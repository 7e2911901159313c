"""The map within fewer updates."""

import csv
from dataclasses import replace
from typing import Any

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.analysis.map.updates import outcome_within, run_within, update_steps, updates_to_learn
from failmap.analysis.reporting import build


@pytest.fixture
def run(make_run: Any) -> Any:
    """Three seeds learn at 200, 400 and 900 of 1,000 updates, one fails, one errs, one was stopped at 300."""
    run = make_run(lengths=(5, 10, 20), depths=(1,))
    settings = {"train": {"max_updates": 1000, "evaluate_every": 50}}
    for updates in (200, 400, 900):
        run.trial("learned", updates=updates, config=settings)
    run.trial("failed", updates=1000, config=settings)
    run.trial("errored", updates=100, config=settings)
    run.trial("censored", updates=300, config=settings)
    run.trial("failed", updates=150, config=settings, reason="not finite: loss at update 150")
    return run


@pytest.mark.parametrize(
    ("updates", "outcomes"),
    [
        (150, ["failed", "failed", "failed", "failed", "errored", "failed", "failed"]),
        (200, ["learned", "failed", "failed", "failed", "errored", "failed", "failed"]),
        (300, ["learned", "failed", "failed", "failed", "errored", "failed", "failed"]),
        (899, ["learned", "learned", "failed", "failed", "errored", "censored", "failed"]),
        (1000, ["learned", "learned", "learned", "failed", "errored", "censored", "failed"]),
    ],
)
def test_trials_end_as_they_would_have(run: Any, updates: int, outcomes: list[str]) -> None:
    records = load_run(run.folder).records
    assert [outcome_within(record, updates) for record in records] == outcomes


def test_stopped_trial_may_have_learned_after_its_stop_only(run: Any) -> None:
    """Up to there it is known not to have learned."""
    settings = {"train": {"max_updates": 1000, "evaluate_every": 50}}
    number = run.trial("failed", updates=300, hopeless_at=300, p_learn=0.01, config=settings).number
    whole = load_run(run.folder)
    shares = [run_within(whole, updates).records[number].p_learn for updates in (250, 300, 350, 1000)]
    assert shares == [0, 0, 0.01, 0.01]


def test_unfinished_trial_stays_unfinished(run: Any) -> None:
    record = run.trial(None, config={"train": {"max_updates": 1000, "evaluate_every": 50}})
    assert outcome_within(record, 50) is None


def test_map_within_the_whole_budget_is_the_map(run: Any) -> None:
    whole = load_run(run.folder)
    cells = {key: replace(cell, diagnosis=None) for key, cell in build_map(whole).cells.items()}
    assert build_map(run_within(whole, 1000)).cells == cells


def test_map_within_fewer_updates_counts_fewer_that_learned(run: Any) -> None:
    whole = load_run(run.folder)
    assert update_steps(whole) == list(range(50, 1001, 50))
    learned = []
    for updates in update_steps(whole):
        shown = build_map(run_within(whole, updates))
        learned.append(shown.cells["5", "1"].verdict.tally.learned)
        assert shown.cells["5", "1"].verdict.tally.trials == 6
        assert f"within {updates:,} updates" in shown.title.criterion
    assert learned == [0] * 3 + [1] * 4 + [2] * 10 + [3] * 3


def test_budgets_that_differ_have_no_steps(run: Any) -> None:
    run.trial("failed", 10, 1, config={"train": {"max_updates": 2000, "evaluate_every": 50}})
    assert update_steps(load_run(run.folder)) == []


def test_many_cells_get_fewer_steps_up_to_the_budget(make_run: Any) -> None:
    run = make_run(lengths=tuple(range(5, 105)), depths=(1, 2, 3, 4))
    run.trial("failed", 5, 1, config={"train": {"max_updates": 1010, "evaluate_every": 50}})
    steps = update_steps(load_run(run.folder))
    assert 2 <= len(steps) <= 5
    assert steps[-1] == 1010
    assert all(step % 50 == 0 for step in steps[:-1])


def test_half_of_the_seeds_decide_how_many_updates_it_takes(run: Any) -> None:
    records = load_run(run.folder).records
    assert updates_to_learn(records) == 900, "three of six"
    assert updates_to_learn(records[:3]) == 400
    assert updates_to_learn(records[:2]) == 200
    assert updates_to_learn(records[2:]) is None
    assert updates_to_learn(records[4:5]) is None
    build(run.folder)
    with (run.folder.report / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["updates_to_learn"] for row in rows] == ["900", "", ""]
