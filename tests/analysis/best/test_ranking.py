"""The ranking of recipes: means, intervals over fresh seeds, fronts."""

import math
import statistics
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from failmap.analysis.best.ranking import best_of, rank
from failmap.run_folder.objectives import Objective
from failmap.run_folder.records import Outcome, Purpose

SCORE, LOSS = Objective("score", "maximize"), Objective("validation_loss", "minimize")
PARAMETERS = Objective("parameters", "minimize")


@dataclass(frozen=True)
class Trial:
    number: int
    recipe_index: int
    objectives: tuple[float, ...]
    purpose: Purpose = "explore"
    outcome: Outcome | None = "failed"
    recipe: dict[str, Any] = field(default_factory=dict)


def seeds(index: int, first: float, *fresh: float, start: int = 0) -> list[Trial]:
    return [
        Trial(start, index, (first,)),
        *(Trial(start + n, index, (value,), "confirm") for n, value in enumerate(fresh, start=1)),
    ]


def test_places_are_by_the_mean_over_all_seeds() -> None:
    lucky, steady = seeds(0, 0.99, 0.5, 0.6), seeds(1, 0.8, 0.79, 0.81, start=10)
    assert [one.recipe_index for one in rank([*lucky, *steady], [SCORE])] == [1, 0]
    assert [one.recipe_index for one in rank([*lucky, *steady], [LOSS])] == [0, 1]


def test_the_seed_that_chose_a_recipe_is_not_in_its_interval() -> None:
    (recipe,) = rank(seeds(0, 0.99, 0.5, 0.6, 0.7), [SCORE])
    (estimate,) = recipe.estimates
    fresh = [0.5, 0.6, 0.7]
    expected = stats.t.interval(0.95, 2, statistics.fmean(fresh), stats.sem(fresh))
    assert (estimate.low, estimate.high) == pytest.approx(expected)
    assert estimate.fresh == pytest.approx(0.6)
    assert estimate.mean == pytest.approx((0.99 + 1.8) / 4)
    assert recipe.fresh_numbers == (1, 2, 3)


def test_one_lucky_seed_is_not_named_before_many_good_ones() -> None:
    steady = seeds(0, 0.8, 0.7, 0.9, start=10)
    for lucky, winner in ((0.84, 0), (0.95, 1)):
        ranking = rank([*steady, *seeds(1, lucky)], [SCORE])
        assert ranking[0].recipe_index == 1
        best = best_of(ranking, [SCORE])
        assert best is not None
        assert best.recipe_index == winner, "0.1 is the spread: 0.8 - 0.1 / sqrt(3) against its value - 0.1"


def test_what_was_confirmed_is_not_named_though_it_is_bad() -> None:
    trials = [*seeds(0, 0.9), *seeds(1, 0.2, 0.2, 0.21, start=5)]
    best = best_of(rank(trials, [SCORE]), [SCORE])
    assert best is not None
    assert (best.recipe_index, best.is_confirmed) == (0, False)


def test_of_a_front_the_first_confirmed_recipe_is_named() -> None:
    trials = [
        Trial(0, 0, (0.9, 50.0)),
        *(Trial(n, 1, (0.8, 40.0), "explore" if n == 1 else "confirm") for n in (1, 2, 3)),
        *(Trial(n, 2, (0.7, 60.0), "explore" if n == 4 else "confirm") for n in (4, 5, 6)),
    ]
    best = best_of(rank(trials, [SCORE, PARAMETERS]), [SCORE, PARAMETERS])
    assert best is not None
    assert best.recipe_index == 1
    assert best_of([], [SCORE]) is None


def test_unfinished_and_errored_trials_are_no_seeds() -> None:
    trials = [*seeds(0, 0.9), Trial(1, 0, (), "confirm", None), Trial(2, 0, (), "confirm", "errored")]
    (recipe,) = rank(trials, [SCORE])
    assert (recipe.numbers, recipe.num_running) == ((0,), 1)
    assert rank(trials[1:], [SCORE]) == []


def test_a_trial_without_a_value_counts_as_the_worst() -> None:
    trials = [Trial(0, 0, (0.9,)), Trial(1, 0, (), "confirm"), Trial(2, 1, (0.2,))]
    first, second = rank(trials, [SCORE])
    assert first.recipe_index == 0
    assert first.estimates[0].mean == pytest.approx((0.9 + 0.2) / 2)
    assert second.recipe_index == 1


def test_a_trial_without_a_value_has_as_many_parameters_as_the_others() -> None:
    trials = [Trial(0, 0, (0.9, 100.0)), Trial(1, 0, (), "confirm"), Trial(2, 1, (0.2, 9000.0))]
    first = rank(trials, [SCORE, PARAMETERS])[0]
    assert [one.mean for one in first.estimates] == pytest.approx([0.55, 100])


def test_recipes_that_were_stopped_come_last() -> None:
    trials = [Trial(0, 0, (0.5,)), Trial(1, 1, (0.9,), "explore", "censored")]
    assert [(one.recipe_index, one.is_stopped) for one in rank(trials, [SCORE])] == [(0, False), (1, True)]


points = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12)


@given(values=points)
def test_fronts_are_peeled_one_after_the_other(values: list[tuple[int, int]]) -> None:
    """The first objective is maximised, the second minimised."""
    trials = [Trial(n, n, (float(a), float(b))) for n, (a, b) in enumerate(values)]
    ranking = rank(trials, [SCORE, PARAMETERS])
    assert sorted(one.recipe_index for one in ranking) == list(range(len(values)))
    assert [one.front for one in ranking] == sorted(one.front for one in ranking)
    front = {one.recipe_index: one.front for one in ranking}

    def beats(a: int, b: int) -> bool:
        (p, q), (r, s) = values[a], values[b]
        return p >= r and q <= s and (p, q) != (r, s)

    for mine in front:
        beaten_by = [front[other] for other in front if beats(other, mine)]
        assert front[mine] == (max(beaten_by) + 1 if beaten_by else 0)


def test_one_fresh_seed_has_no_interval() -> None:
    (estimate,) = rank(seeds(0, 0.9, 0.7), [SCORE])[0].estimates
    assert (estimate.fresh, math.isnan(estimate.low)) == (0.7, True)
