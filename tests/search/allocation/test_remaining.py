"""What remains of a run is what its allocation will still ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.run_folder.records import Outcome, Purpose
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import MapAllocation, cells_in_order
from failmap.search.allocation.needs import Need, Priority, cell_need
from failmap.search.allocation.remaining import judged_anew, remaining
from failmap.search.config import RunConfig
from failmap.search.loading import from_yaml, load, resume_config, to_yaml
from failmap.search.space import Cell


def config_of(*arguments: str) -> RunConfig:
    return load(["space=smoke", "budget=quick", "train.learning_rate=3e-3,1e-3,1e-2", *arguments])


def run_to_the_end(config: RunConfig, outcomes: list[Outcome], num_first: int) -> tuple[int, int]:
    """Let `num_first` trials end with the given outcomes and all others fail.

    Returns:
        Trials that remain after the first ones, by `remaining` and by running the allocation.
    """
    allocation = MapAllocation(config)
    cells: dict[Cell, list[KnownTrial]] = {}
    predicted, number = -1, 0
    while True:
        if number == num_first:
            predicted = remaining(config, cells_in_order(config), cells).num_trials
        job = allocation.next()
        if job is None:
            break
        labels = config.space.recipe_labels(job.recipe)
        trial = KnownTrial(number, job.cell, job.recipe_index, labels, job.purpose, job.seed)
        allocation.begin(trial)
        outcome = outcomes[number % len(outcomes)] if number < num_first else "failed"
        allocation.end(trial, outcome, 0.0)
        cells.setdefault(job.cell, []).append(trial)
        number += 1
    return predicted, number - num_first


@given(
    st.lists(st.sampled_from(["learned", "failed", "errored", "censored"]), min_size=1, max_size=8),
    st.integers(0, 16),
    st.sampled_from(
        ["budget.recipes=1", "budget.recipes=3", "budget.trials=20", "budget.seeds=2", "fail_after_recipes=2"]
    ),
)
def test_agrees_with_the_allocation(outcomes: list[Outcome], num_first: int, budget: str) -> None:
    predicted, run = run_to_the_end(config_of(budget), outcomes, num_first)
    assert predicted in (run, -1)


@pytest.mark.parametrize(("recipes", "left"), [(1, 0), (3, 6)])
def test_failed_default_recipe_leaves_the_others(recipes: int, left: int) -> None:
    config = config_of(f"budget.recipes={recipes}")
    reached = cells_in_order(config)
    trials = [KnownTrial(n, reached[0], 0, {}, "default", n, "failed") for n in range(6)]
    rest = remaining(config, reached, {reached[0]: trials})
    assert rest.by_cell[reached[0]] == left
    assert rest.verdicts[reached[0]].is_decided


def test_running_trials_remain() -> None:
    config = config_of("budget.recipes=1")
    reached = cells_in_order(config)
    purpose: Purpose = "default"
    trials = [KnownTrial(n, reached[0], 0, {}, purpose, n, None if n else "failed") for n in range(6)]
    assert remaining(config, reached, {reached[0]: trials}).by_cell[reached[0]] == 5


def test_no_more_than_the_limit_of_trials() -> None:
    config = config_of("budget.trials=5")
    assert remaining(config, cells_in_order(config), {}).num_trials == 5


def stored_by_four_seeds() -> RunConfig:
    """Return a configuration as config.yaml had it before the sequential rule."""
    text = to_yaml(config_of("budget.seeds=4", "budget.max_seeds=8"))
    return from_yaml(text.replace("  explore_seeds: 3\n", ""))


@pytest.mark.parametrize(
    ("outcomes", "num"), [("llll", 1), ("ffff", 1), ("lllf", 0), ("llllll", 0), ("ll", 0)]
)
def test_cells_of_an_earlier_version_are_judged_anew(outcomes: str, num: int) -> None:
    stored = stored_by_four_seeds()
    cell, *_ = cells_in_order(stored)
    ends: dict[str, Outcome] = {"l": "learned", "f": "failed"}
    trials = {cell: [KnownTrial(n, cell, 0, {}, "default", n, ends[end]) for n, end in enumerate(outcomes)]}
    line = judged_anew(stored, trials)
    assert (line is not None) == (num > 0)
    assert line is None or "1 cell is judged anew" in line
    assert judged_anew(from_yaml(to_yaml(stored)), trials) is None, "a session has written all settings"


def test_a_run_of_an_earlier_version_gets_the_seeds_that_decide() -> None:
    config = resume_config(stored_by_four_seeds(), ["budget.minutes=1"])
    cell, *_ = reached = cells_in_order(config)
    trials = [KnownTrial(n, cell, 0, {}, "default", n, "learned") for n in range(4)]
    assert remaining(config, reached, {cell: trials}).by_cell[cell] == 1, "a failed one, and none of 8 decide"
    assert cell_need(trials, config.budget) == Need(0, "default", Priority.DEFAULT, 2)
