"""The recipes of a run in the order of their objectives, with intervals over fresh seeds."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from failmap.run_folder.records import Outcome, Purpose

#: Fresh seeds from which on a recipe can be named the best: fewer have no interval.
LEAST_FRESH = 2


class RankedTrial(Protocol):
    """What a ranking needs of a trial."""

    @property
    def number(self) -> int: ...
    @property
    def recipe_index(self) -> int: ...
    @property
    def recipe(self) -> Mapping[str, Any]: ...
    @property
    def purpose(self) -> Purpose: ...
    @property
    def outcome(self) -> Outcome | None: ...
    @property
    def objectives(self) -> Sequence[float]: ...


@dataclass(frozen=True)
class Estimate:
    """One objective of a recipe.

    Attributes:
        mean: Over all its seeds, by which recipes are ranked.
        fresh: Mean over the seeds that did not choose the recipe: free of the winner's curse; NaN without.
        low, high: Student's 95 % interval of `fresh`; NaN with fewer than two fresh seeds.
    """

    mean: float
    fresh: float
    low: float
    high: float


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
        num_running: Trials that have not ended.
        is_stopped: Whether no trial of it was trained to its end.
    """

    recipe_index: int
    recipe: Mapping[str, Any]
    front: int
    estimates: tuple[Estimate, ...]
    numbers: tuple[int, ...]
    fresh_numbers: tuple[int, ...]
    num_running: int
    is_stopped: bool

    @property
    def is_confirmed(self) -> bool:
        """Return whether enough fresh seeds were trained to name it."""
        return len(self.fresh_numbers) >= LEAST_FRESH


def rank(trials: Iterable[RankedTrial], signs: Sequence[float]) -> list[RankedRecipe]:
    """Return the recipes that have a trial with a value, the best one first.

    Recipes that were stopped by rank come last. A trial that ended without a value (its loss was never
    finite) counts as the worst value of the run.

    Args:
        trials: All trials of a run; errored ones are left out.
        signs: For each objective 1 if larger is better, -1 if smaller is.
    """
    by_recipe: dict[int, list[RankedTrial]] = defaultdict(list)
    for trial in sorted(trials, key=lambda one: one.number):
        if trial.outcome != "errored":
            by_recipe[trial.recipe_index].append(trial)
    ended = [one for several in by_recipe.values() for one in several if one.outcome is not None]
    known = [one.objectives for one in ended if one.objectives]
    if not known:
        return []
    worst = tuple(
        min(column, key=lambda value: sign * value)
        for sign, column in zip(signs, zip(*known, strict=True), strict=True)
    )
    entries = [
        entry for index, mine in by_recipe.items() if (entry := _entry(index, mine, worst)) is not None
    ]
    return _ordered(entries, signs)


def _entry(index: int, trials: Sequence[RankedTrial], worst: Sequence[float]) -> RankedRecipe | None:
    ended = [one for one in trials if one.outcome is not None]
    whole = [one for one in ended if one.outcome != "censored"]
    counted = whole or ended
    if not any(one.objectives for one in counted):
        return None
    fresh = [one for one in counted if one.purpose == "confirm"]
    estimates = tuple(
        _estimate(
            [_value(one, index, worst) for one in counted], [_value(one, index, worst) for one in fresh]
        )
        for index in range(len(worst))
    )
    return RankedRecipe(
        index,
        trials[0].recipe,
        0,
        estimates,
        tuple(one.number for one in counted),
        tuple(one.number for one in fresh),
        len(trials) - len(ended),
        not whole,
    )


def _value(trial: RankedTrial, index: int, worst: Sequence[float]) -> float:
    return trial.objectives[index] if trial.objectives else worst[index]


def _estimate(values: Sequence[float], fresh: Sequence[float]) -> Estimate:
    mean = statistics.fmean(values)
    if not fresh:
        return Estimate(mean, math.nan, math.nan, math.nan)
    center = statistics.fmean(fresh)
    if len(fresh) < LEAST_FRESH:
        return Estimate(mean, center, math.nan, math.nan)
    half = _student(len(fresh) - 1) * statistics.stdev(fresh) / math.sqrt(len(fresh))
    return Estimate(mean, center, center - half, center + half)


def _student(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit  # Takes 0.2 s, which a typo should not wait for.

    return float(stdtrit(degrees, 0.975))


def _ordered(entries: Sequence[RankedRecipe], signs: Sequence[float]) -> list[RankedRecipe]:
    """Return the recipes front by front, each sorted by the first objective."""
    points = {
        entry.recipe_index: tuple(sign * one.mean for sign, one in zip(signs, entry.estimates, strict=True))
        for entry in entries
    }
    ordered: list[RankedRecipe] = []
    for is_stopped in (False, True):
        left = [entry for entry in entries if entry.is_stopped is is_stopped]
        left.sort(key=lambda entry: (*(-value for value in points[entry.recipe_index]), entry.recipe_index))
        while left:
            if len(signs) == 1:
                front = left[:1]
            else:
                front = [
                    one
                    for one in left
                    if not any(
                        _dominates(points[other.recipe_index], points[one.recipe_index]) for other in left
                    )
                ]
            place = ordered[-1].front + 1 if ordered else 0
            ordered += (_at(entry, place) for entry in front)
            taken = {entry.recipe_index for entry in front}
            left = [entry for entry in left if entry.recipe_index not in taken]
    return ordered


def _at(entry: RankedRecipe, front: int) -> RankedRecipe:
    return replace(entry, front=front)


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether a point is at least as good in every objective, and better in one; larger is better."""
    return all(a >= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


def best_of(ranking: Sequence[RankedRecipe]) -> RankedRecipe | None:
    """Return the recipe that is named the best: the first confirmed one, else the first; None without any."""
    return next((one for one in ranking if one.is_confirmed), ranking[0] if ranking else None)
