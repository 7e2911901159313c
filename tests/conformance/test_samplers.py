"""Conformance tests of all samplers, and properties of single ones."""

import itertools
import math
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.run_folder.records import Outcome
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.recipes import num_different_recipes
from failmap.search.config import RunConfig
from failmap.search.samplers import BEST_SAMPLERS, SAMPLERS
from failmap.search.samplers.base import recipe_key
from failmap.search.space import Axis, Cell, Space
from failmap.search.trial.effects import canonical

RANGES: list[dict[str, Any]] = [
    {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "log": True, "default": 3e-3},
    {"path": "train.batch_size", "low": 16, "high": 256, "log": True, "integer": True, "default": 64},
    {"path": "model.dropout", "low": 0.0, "high": 0.5, "default": 0.0},
]
CHOICES: list[dict[str, Any]] = [
    {"path": "train.optimizer", "values": ["adam", "sgd", "rmsprop"]},
    {"path": "train.momentum", "values": [0.0, 0.5, 0.9], "when": {"train.optimizer": ["sgd", "rmsprop"]}},
    {"path": "train.clip_norm", "values": [None, 1.0]},
    {
        "path": "output",
        "values": [{"activation": "none", "loss": "mse"}, {"activation": "none", "loss": "huber"}],
    },
]
#: adam without momentum, sgd and rmsprop with three values; two clip norms, two losses.
NUM_CHOICES = 7 * 2 * 2


def space_of(axes: list[dict[str, Any]], goal: str = "grid") -> Space:
    if goal == "best":
        base = {"task": {"name": "adding"}, "model": {"name": "lstm", "depth": 2}}
        return Space.model_validate({"name": "tiny", "axes": axes, "base": base, "goal": "best"})
    return Space.model_validate(
        {
            "name": "tiny",
            "map": {"x": "task.sequence_length", "y": "model.depth"},
            "axes": [
                {"path": "task.sequence_length", "values": [5, 10]},
                {"path": "model.depth", "values": [2, 3]},
                *axes,
            ],
            "base": {"task": {"name": "adding"}, "model": {"name": "lstm"}},
        }
    )


MIXED, DISCRETE = space_of(RANGES + CHOICES), space_of(CHOICES)
CELLS = list(MIXED.cells())
#: The samplers of a map, and those of a search for the best recipe, which has no map.
ALL = {("grid", name): one for name, one in SAMPLERS.items()} | {
    ("best", name): one for name, one in BEST_SAMPLERS.items()
}
every_sampler = pytest.mark.parametrize(("goal", "name"), sorted(ALL))


def tried(labels: dict[str, Any], outcome: Outcome | None, score: float = 0.0) -> KnownTrial:
    objectives = (score,) if outcome not in (None, "errored") else ()
    return KnownTrial(0, CELLS[0], 0, labels, "explore", 0, outcome, score, objectives=objectives)


def propose_many(name: str, space: Space, seed: int, cell: Cell, num_recipes: int) -> list[dict[str, Any]]:
    """Return the recipes of a cell whose trials end one after the other."""
    trials: list[KnownTrial] = []
    recipes: list[dict[str, Any]] = []
    for index in range(num_recipes):
        recipe = ALL[space.goal, name](space, seed).propose(cell, trials)
        if recipe is None:
            break
        recipes.append(recipe)
        outcome: Outcome = "censored" if index % 5 == 4 else "failed"
        trials.append(tried(space.recipe_labels(recipe), outcome, index % 7 / 7))
    return recipes


def test_every_sampler_can_be_configured() -> None:
    assert set(SAMPLERS) | set(BEST_SAMPLERS) == set(get_args(RunConfig.model_fields["sampler"].annotation))


@every_sampler
def test_default_recipe_comes_first(goal: str, name: str) -> None:
    space = space_of(RANGES + CHOICES, goal)
    cell = next(space.cells())
    assert ALL[space.goal, name](space, 0).propose(cell, []) == space.default_recipe(cell)


@every_sampler
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**31 - 1), data=st.data())
def test_proposals_are_complete_valid_and_distinct(
    goal: str, name: str, seed: int, data: st.DataObject
) -> None:
    space = space_of(RANGES + CHOICES, goal)
    cell = data.draw(st.sampled_from(list(space.cells())))
    recipes = propose_many(name, space, seed, cell, 15)
    assert len(recipes) == 15
    for recipe in recipes:
        assert recipe == space.complete(cell, recipe), "an inactive axis has no value"
        space.trial_config(cell, recipe, seed=1)
        for path, value in recipe.items():
            assert contains(space.axis(path), value)
    assert all(a != b for a, b in itertools.combinations(recipes, 2))


def contains(axis: Axis, value: Any) -> bool:
    if axis.values is not None:
        return value in axis.values
    assert axis.low is not None
    assert axis.high is not None
    return axis.low <= value <= axis.high and (not axis.integer or isinstance(value, int))


@every_sampler
def test_rebuilt_sampler_proposes_the_same(goal: str, name: str) -> None:
    space = space_of(RANGES + CHOICES, goal)
    cell = list(space.cells())[-1]
    kept = ALL[goal, name](space, 7)
    trials: list[KnownTrial] = []
    for index in range(15):
        recipe = kept.propose(cell, trials)
        assert recipe == ALL[goal, name](space, 7).propose(cell, trials)
        assert recipe is not None
        outcome: Outcome = "errored" if index % 3 == 2 else "failed"
        trials.append(tried(space.recipe_labels(recipe), outcome, index / 15))


@every_sampler
@pytest.mark.parametrize("outcome", [None, "errored"])
def test_errored_or_running_recipe_is_not_repeated(goal: str, name: str, outcome: Outcome | None) -> None:
    space = space_of(RANGES + CHOICES, goal)
    cell = next(space.cells())
    default = space.default_recipe(cell)
    trials = [tried(space.recipe_labels(default), outcome)]
    assert ALL[goal, name](space, 0).propose(cell, trials) not in (None, default)


@every_sampler
@settings(deadline=None, max_examples=3)
@given(seed=st.integers(0, 2**31 - 1))
def test_small_space_is_exhausted(goal: str, name: str, seed: int) -> None:
    space = space_of(CHOICES, goal)
    recipes = propose_many(name, space, seed, next(space.cells()), 2 * NUM_CHOICES)
    labels = {recipe_key(space.recipe_labels(recipe)) for recipe in recipes}
    assert len(labels) == len(recipes) == NUM_CHOICES


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_without_axes_only_the_default_recipe(name: str) -> None:
    bare = space_of([])
    sampler = SAMPLERS[name](bare, 0)
    assert sampler.propose(CELLS[0], []) == {}
    assert sampler.propose(CELLS[0], [tried({}, "failed", 0.5)]) is None


@every_sampler
def test_invalid_combinations_are_skipped(goal: str, name: str) -> None:
    """adam has no momentum, and here no condition excludes it."""
    space = space_of([{k: v for k, v in axis.items() if k != "when"} for axis in CHOICES], goal)
    recipes = propose_many(name, space, 0, next(space.cells()), 2 * NUM_CHOICES)
    assert len(recipes) == NUM_CHOICES


@pytest.mark.parametrize("name", ["grid", "random", "sobol"])
def test_cells_get_the_same_recipes(name: str) -> None:
    assert propose_many(name, MIXED, 3, CELLS[0], 20) == propose_many(name, MIXED, 3, CELLS[3], 20)


@pytest.mark.parametrize("name", ["sobol", "random", "tpe"])
def test_another_seed_gives_other_recipes(name: str) -> None:
    assert propose_many(name, MIXED, 0, CELLS[0], 3)[1:] != propose_many(name, MIXED, 1, CELLS[0], 3)[1:]


def test_grid_changes_one_axis_before_two() -> None:
    default = MIXED.default_recipe(CELLS[0])
    recipes = propose_many("grid", MIXED, 0, CELLS[0], 80)
    num_changed = [sum(default.get(path, 0.0) != value for path, value in r.items()) for r in recipes]
    assert num_changed == sorted(num_changed)
    assert num_changed[0] == 0
    assert num_changed[-1] == 2


def test_sobol_fills_a_range_evenly() -> None:
    """64 points have four in each sixteenth of an axis; independent ones would miss some."""
    space = space_of([{"path": "model.dropout", "low": 0.0, "high": 0.5, "default": 0.25}])
    values = [recipe["model.dropout"] for recipe in propose_many("sobol", space, 5, CELLS[0], 65)[1:]]
    counts = [sum(int(value / 0.5 * 16) == bin_ for value in values) for bin_ in range(16)]
    assert counts == [4] * 16


def test_tpe_draws_near_good_scores() -> None:
    space = space_of([{"path": "model.dropout", "low": 0.0, "high": 0.5, "default": 0.0}])
    trials = [tried({"model.dropout": n / 60}, "failed", -abs(n / 60 - 0.4)) for n in range(30)]
    draws = [SAMPLERS["tpe"](space, seed).propose(CELLS[0], trials) for seed in range(20)]
    mean_distance = sum(abs(draw["model.dropout"] - 0.4) for draw in draws if draw) / 20
    assert mean_distance < 0.08, "uniform draws lie 0.17 away"


def test_no_recipe_repeats_a_training() -> None:
    """At one layer, all of the dropout rates are the same training, and beta1 is 0.9 by default."""
    axes = [
        {"path": "model.dropout", "values": [0.0, 0.2, 0.5]},
        {"path": "train.beta1", "values": [None, 0.9, 0.5]},
    ]
    space = space_of(axes)
    shallow = Space.model_validate(
        {**space.model_dump(), "axes": [{"path": "model.depth", "values": [1, 2]}, *space.axes[:1], *axes]}
    )
    cells = {cell.as_dict()["model.depth"]: cell for cell in shallow.cells()}
    for depth, num_different in ((1, 2), (2, 6)):
        for name in sorted(SAMPLERS):
            recipes = propose_many(name, shallow, 0, cells[depth], 9)
            trained = {canonical(shallow.trial_config(cells[depth], recipe, 0)) for recipe in recipes}
            assert len(recipes) == len(trained) == num_different, name
        assert num_different_recipes(shallow, cells[depth], 100) == num_different
        assert num_different_recipes(shallow, cells[depth], 2) == 2


RATE: dict[str, Any] = {
    "path": "train.learning_rate", "low": 1e-5, "high": 1.0, "log": True, "default": 3e-3
}  # fmt: skip


def rates_by_tpe(seed: int, score: Callable[[float], float], num_recipes: int, num_seeds: int) -> list[float]:
    """Return the learning rates that TPE proposes after the default, when each has so many seeds."""
    space, trials, rates = space_of([RATE]), list[KnownTrial](), list[float]()
    for _ in range(num_recipes):
        recipe = SAMPLERS["tpe"](space, seed).propose(CELLS[0], trials)
        assert recipe is not None
        rates.append(recipe[RATE["path"]])
        trials += [tried(space.recipe_labels(recipe), "failed", score(rates[-1]))] * num_seeds
    return rates[1:]


def test_tpe_does_not_return_to_a_default_that_failed_like_all_others() -> None:
    """A fifth of the axis is within half a decade of it; if age breaks ties, a third of the draws are."""
    rates = [rate for seed in range(20) for rate in rates_by_tpe(seed, lambda _: 0.0, 25, num_seeds=4)]
    share = sum(abs(math.log10(rate / RATE["default"])) <= 0.5 for rate in rates) / len(rates)
    assert share < 0.25, "480 independent draws exceed this by chance in one case of 200"


def test_tpe_finds_a_narrow_peak_more_often_than_chance() -> None:
    """Only within 0.3 decades of 0.2, 12 % of the axis, the score is above chance."""

    def distance(rate: float) -> float:
        return abs(math.log10(rate / 0.2))

    rates = [
        rate
        for seed in range(20)
        for rate in rates_by_tpe(seed, lambda rate: max(0.0, 1 - distance(rate) / 0.3), 25, num_seeds=1)
    ]
    assert sum(distance(rate) < 0.3 for rate in rates) / len(rates) > 0.2


@pytest.mark.parametrize("num_recipes", [9, 20])
def test_seeds_of_a_recipe_are_one_observation_of_tpe(num_recipes: int) -> None:
    """Also the random draws with which it begins are counted in recipes."""
    by_seeds = [rates_by_tpe(3, lambda rate: -rate, num_recipes, num_seeds=number) for number in (1, 4)]
    assert by_seeds[0] == by_seeds[1]


def test_tpe_averages_the_seeds_of_a_recipe() -> None:
    """One lucky seed of four does not outweigh four that all came half way."""
    space = space_of([{"path": "model.dropout", "low": 0.0, "high": 0.5, "default": 0.0}])
    trials = []
    for n in range(30):
        lucky, steady = abs(n / 60 - 0.1) < 0.02, abs(n / 60 - 0.4) < 0.02
        scores = [1.0, 0.0, 0.0, 0.0] if lucky else [0.5 if steady else 0.0] * 4
        trials += [tried({"model.dropout": n / 60}, "failed", score) for score in scores]
    draws = [SAMPLERS["tpe"](space, seed).propose(CELLS[0], trials) for seed in range(20)]
    near = [sum(abs(draw["model.dropout"] - peak) < 0.05 for draw in draws if draw) for peak in (0.1, 0.4)]
    assert near[1] > 2 * near[0]


def test_recipe_stopped_by_rank_is_worse_than_one_at_the_end() -> None:
    space = space_of([{"path": "model.dropout", "low": 0.0, "high": 0.5, "default": 0.0}])
    trials = [
        tried({"model.dropout": n / 60}, "censored", 0.9)
        if n < 15
        else tried({"model.dropout": n / 60}, "failed", 0.1)
        for n in range(30)
    ]
    draws = [SAMPLERS["tpe"](space, seed).propose(CELLS[0], trials) for seed in range(20)]
    assert sum(draw["model.dropout"] > 0.25 for draw in draws if draw) >= 15


def test_grid_lists_each_recipe_once() -> None:
    recipes = list(SAMPLERS["grid"](DISCRETE, 0).candidates(CELLS[0], []))
    assert len(recipes) == NUM_CHOICES
    assert len({recipe_key(DISCRETE.recipe_labels(recipe)) for recipe in recipes}) == NUM_CHOICES
