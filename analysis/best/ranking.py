"""The recipes of a run in the order of their objectives, with intervals over fresh seeds."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from failmap.run_folder.objectives import Objective
from failmap.run_folder.records import Outcome, Purpose

#: Fresh seeds from which on a recipe can be named the best: fewer have no interval.
LEAST_FRESH = 2


class RankedTrial(Protocol):
    """All that a ranking needs of a trial."""

    @property
    def number(self) -> int:
        """Its place in the order in which trials were begun."""

    @property
    def recipe_index(self) -> int:
        """0 for the default recipe."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """Labels by path."""

    @property
    def purpose(self) -> Purpose:
        """Why the trial was started: 'confirm' on a fresh seed."""

    @property
    def outcome(self) -> Outcome | None:
        """How the trial ended; None before."""

    @property
    def objectives(self) -> Sequence[float]:
        """The numbers that the run optimises; none before the end, or of a trial without a value."""


@dataclass(frozen=True)
class Estimate:
    """One objective of a recipe.

    Attributes:
        mean: Over all its seeds, by which recipes are ranked.
        fresh: Mean over the seeds that did not choose the recipe: free of the winner's curse; NaN without.
        low, high: Student's 95 % interval of `fresh`; NaN with fewer than two fresh seeds.
        variance: Of all its seeds; NaN with one.
    """

    mean: float
    fresh: float
    low: float
    high: float
    variance: float = math.nan


@dataclass(frozen=True)
class RankedRecipe:
    """A recipe with its place.

    Attributes:
        recipe_index: Of the recipe; 0 is the default one.
        recipe: Labels by path.
        front: 0 for recipes that no other one beats in every objective, 1 for those that only these beat, and
            so on. With one objective, the place itself.
        estimates: Of each objective.
        numbers: The trials that ended with a value, the first one first.
        fresh_numbers: Those among them whose seeds did not choose the recipe.
        best_trial: The trial among them with the best first objective.
        num_running: Trials that have not ended.
        is_stopped: Whether no trial of it was trained to its end.
    """

    recipe_index: int
    recipe: Mapping[str, Any]
    front: int
    estimates: tuple[Estimate, ...]
    numbers: tuple[int, ...]
    fresh_numbers: tuple[int, ...]
    best_trial: int
    num_running: int
    is_stopped: bool

    @property
    def is_confirmed(self) -> bool:
        """Return whether enough fresh seeds were trained to name it."""
        return len(self.fresh_numbers) >= LEAST_FRESH


def rank(trials: Iterable[RankedTrial], objectives: Sequence[Objective]) -> list[RankedRecipe]:
    """Return the recipes that have a trial with a value, the best one first.

    Recipes that were stopped by rank come last. A trial that ended without a value (its loss was never
    finite) counts as the worst value of the run, and with the parameters and seconds of the recipe's others.

    Args:
        trials: All trials of a run; errored ones are left out.
        objectives: The numbers that the run optimises.
    """
    by_recipe: dict[int, list[RankedTrial]] = defaultdict(list)
    for trial in sorted(trials, key=lambda one: one.number):
        if trial.outcome != "errored":
            by_recipe[trial.recipe_index].append(trial)
    ended = [one for several in by_recipe.values() for one in several if one.outcome is not None]
    known = [one.objectives for one in ended if one.objectives]
    if not known:
        return []
    worst = [
        min(column, key=lambda value: one.sign * value) if one.is_of_evaluations else None
        for one, column in zip(objectives, zip(*known, strict=True), strict=True)
    ]
    sign = objectives[0].sign
    entries = [
        entry for index, mine in by_recipe.items() if (entry := _entry(index, mine, worst, sign)) is not None
    ]
    return _ordered(entries, [one.sign for one in objectives])


def _entry(
    index: int, trials: Sequence[RankedTrial], worst: Sequence[float | None], sign: float
) -> RankedRecipe | None:
    ended = [one for one in trials if one.outcome is not None]
    whole = [one for one in ended if one.outcome != "censored"]
    counted = whole or ended
    known = [one.objectives for one in counted if one.objectives]
    if not known:
        return None
    # The values that a trial without any counts with.
    missing = [
        statistics.fmean(column) if last is None else last
        for last, column in zip(worst, zip(*known, strict=True), strict=True)
    ]
    fresh = [one for one in counted if one.purpose == "confirm"]
    estimates = tuple(
        _estimate(
            [one.objectives[which] if one.objectives else value for one in counted],
            [one.objectives[which] if one.objectives else value for one in fresh],
        )
        for which, value in enumerate(missing)
    )
    return RankedRecipe(
        index,
        trials[0].recipe,
        0,
        estimates,
        tuple(one.number for one in counted),
        tuple(one.number for one in fresh),
        max((one for one in counted if one.objectives), key=lambda one: sign * one.objectives[0]).number,
        len(trials) - len(ended),
        not whole,
    )


def _estimate(values: Sequence[float], fresh: Sequence[float]) -> Estimate:
    mean = statistics.fmean(values)
    if not fresh:
        return Estimate(mean, math.nan, math.nan, math.nan)
    variance = statistics.variance(values) if len(values) > 1 else math.nan
    center = statistics.fmean(fresh)
    if len(fresh) < LEAST_FRESH:
        return Estimate(mean, center, math.nan, math.nan, variance)
    half = _student(len(fresh) - 1) * statistics.stdev(fresh) / math.sqrt(len(fresh))
    return Estimate(mean, center, center - half, center + half, variance)


def _student(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit  # Takes 0.2 s, which a typo should not wait for.

    return float(stdtrit(degrees, 0.975))


def _ordered(entries: Sequence[RankedRecipe], signs: Sequence[float]) -> list[RankedRecipe]:
    """Return the recipes front by front, each sorted by the objectives; stopped ones behind all others."""

    def points(entry: RankedRecipe) -> tuple[float, ...]:
        return tuple(-sign * one.mean for sign, one in zip(signs, entry.estimates, strict=True))

    ordered: list[RankedRecipe] = []
    for is_stopped in (False, True):
        mine = [entry for entry in entries if entry.is_stopped is is_stopped]
        mine.sort(key=lambda entry: (*points(entry), entry.recipe_index))
        first = ordered[-1].front + 1 if ordered else 0
        fronts = _fronts([points(entry) for entry in mine]) if len(signs) > 1 else range(len(mine))
        placed = [replace(entry, front=first + front) for entry, front in zip(mine, fronts, strict=True)]
        ordered += sorted(placed, key=lambda entry: entry.front)
    return ordered


def _fronts(points: Sequence[Sequence[float]]) -> list[int]:
    """Return the front of each point, smaller values being better (Deb et al. 2002)."""
    array = np.asarray(points, dtype=float)
    fronts = np.full(len(array), -1)
    left, front = np.arange(len(array)), 0
    while len(left):
        mine = array[left]
        at_most = (mine[:, None] <= mine[None]).all(axis=-1)
        # Equal points do not beat each other.
        beaten = (at_most & ~at_most.T).any(axis=0)
        fronts[left[~beaten]] = front
        left, front = left[beaten], front + 1
    return [int(one) for one in fronts]


def best_of(ranking: Sequence[RankedRecipe], objectives: Sequence[Objective]) -> RankedRecipe | None:
    """Return the recipe that is named the best; None without any.

    With one objective it has the best mean less its standard error, s / sqrt(n), where s is the spread of
    seeds over all recipes: a recipe with one lucky seed has to be better by s to win over one with many. Of
    several objectives it is the first one of the front that is confirmed, if any is.
    """
    whole = [one for one in ranking if not one.is_stopped] or list(ranking)
    if not whole:
        return None
    if len(objectives) > 1:
        return next((one for one in whole if one.is_confirmed and one.front == 0), whole[0])
    spread, sign = math.sqrt(_pooled_variance(whole)), objectives[0].sign
    return max(whole, key=lambda one: sign * one.estimates[0].mean - spread / math.sqrt(len(one.numbers)))


def _pooled_variance(recipes: Sequence[RankedRecipe]) -> float:
    """Return the variance of the first objective between seeds of a recipe; 0 if none has two."""
    several = [one for one in recipes if len(one.numbers) > 1]
    degrees = sum(len(one.numbers) - 1 for one in several)
    squares = sum((len(one.numbers) - 1) * one.estimates[0].variance for one in several)
    return squares / degrees if degrees else 0.0
