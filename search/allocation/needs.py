"""What one cell needs next: more seeds of a recipe, another recipe, or nothing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from failmap.analysis.sequential import SIDES, Side, confirm_rule
from failmap.analysis.verdict import DEFAULT_RECIPE, JudgedTrial, RecipeTally, tally_recipes
from failmap.run_folder.records import Outcome, Purpose
from failmap.search.config import Budget


class Priority(IntEnum):
    """The order in which the needs of cells are met."""

    #: Seeds of the default recipe.
    DEFAULT = 0
    #: Another recipe, or seeds that confirm one.
    EXPLORE = 1
    #: A recipe that may prove needless: only so that no slot idles.
    AHEAD = 2


@dataclass(frozen=True)
class Need:
    """Further trials of a recipe, one at a time. An index that no trial has yet asks for a new recipe."""

    recipe_index: int
    purpose: Purpose
    priority: Priority
    num_trials: int = 1


def cell_need(trials: Sequence[JudgedTrial], budget: Budget, fail_after_recipes: int = 1) -> Need | None:
    """Return what a cell with these trials needs next, or None if nothing until one of them ends.

    Args:
        trials: All trials of the cell but interventions.
        budget: Limits of each cell.
        fail_after_recipes: Recipes, the default one included, that must fail before the cell fails.
    """
    recipes = {recipe.recipe_index: recipe for recipe in tally_recipes(trials)}
    default = [trial for trial in trials if trial.recipe_index == DEFAULT_RECIPE]
    decided = recipes.get(DEFAULT_RECIPE)
    if missing := _num_missing(default, decided, budget, first=budget.seeds):
        return Need(DEFAULT_RECIPE, "default", Priority.DEFAULT, missing)
    if decided is None or decided.side == "above" or _is_running(default):
        return None
    return recipe_need(trials, budget, fail_after_recipes)


class _Known(NamedTuple):
    """A trial, of which only these matter here."""

    number: int
    recipe_index: int
    purpose: Purpose
    outcome: Outcome | None
    p_learn: float = 0.0


def num_trials_left(trials: Sequence[JudgedTrial], budget: Budget, fail_after_recipes: int = 1) -> int:
    """Return how many trials of a cell run or are still to come if none of them learns, one after another.

    The allocation itself is asked, so that the count holds for every kind of budget.
    """
    in_order = sorted(trials, key=lambda trial: trial.number)
    # Numbers of their own, so that cells with the same history share the answer.
    known = (
        _Known(number, trial.recipe_index, trial.purpose, trial.outcome)
        for number, trial in enumerate(in_order)
    )
    return _num_trials_left(tuple(known), budget, fail_after_recipes)


@lru_cache(maxsize=100_000)
def _num_trials_left(known: tuple[_Known, ...], budget: Budget, fail_after_recipes: int) -> int:
    trials = [trial._replace(outcome=trial.outcome or "failed") for trial in known]
    while (need := cell_need(trials, budget, fail_after_recipes)) is not None:
        # Later seeds one by one, for each may show that no look can decide any more.
        num_sure = need.num_trials if len(trials) < budget.seeds else 1
        trials += [
            _Known(len(trials) + more, need.recipe_index, need.purpose, "failed") for more in range(num_sure)
        ]
    return len(trials) - sum(trial.outcome is not None for trial in known)


def recipe_need(trials: Sequence[JudgedTrial], budget: Budget, fail_after_recipes: int = 1) -> Need | None:
    """Return what comes after the default recipe, in a cell that has not learned by it.

    A recipe that learned on at least half of its seeds is confirmed on fresh ones before another is tried.

    Args:
        trials: All trials of the cell but interventions, some of the default recipe among them.
        budget: Limits of each cell.
        fail_after_recipes: Recipes, the default one included, that must fail before the cell fails.
    """
    if budget.recipes == 1:
        return None
    recipes = {recipe.recipe_index: recipe for recipe in tally_recipes(trials)}
    explored, confirmed = _by_recipe(trials, "explore"), _by_recipe(trials, "confirm")
    if any(recipe.side == "above" for recipe in recipes.values()):
        return None
    num_first = min(budget.explore_seeds, budget.most_seeds)
    for index, mine in explored.items():
        if missing := _num_missing(mine, None, budget, first=num_first):
            return Need(index, "explore", Priority.EXPLORE, missing)
    can_fail = recipes[DEFAULT_RECIPE].side == "below"
    # Whether a recipe fails is of interest only where the cell may fail.
    sides = SIDES if can_fail else ("above",)
    for index, mine in confirmed.items():
        if missing := _num_missing(mine, recipes[index], budget, sides=sides):
            return Need(index, "confirm", Priority.EXPLORE, missing)
    is_confirming = any(_is_running(mine) for mine in confirmed.values())
    promising = {
        index: recipes[index].explored.share
        for index, mine in explored.items()
        if index not in confirmed and not _is_running(mine) and recipes[index].is_promising
    }
    can_confirm = confirm_rule(1 + len(confirmed)).next_look((), budget.most_seeds, ("above",)) is not None
    if promising and can_confirm and not is_confirming:
        best = max(promising, key=lambda index: (promising[index], -index))
        return Need(best, "confirm", Priority.EXPLORE)
    if can_fail and sum(recipe.side == "below" for recipe in recipes.values()) < fail_after_recipes:
        for index, mine in explored.items():
            if recipes[index].may_learn or any(trial.outcome == "censored" for trial in mine):
                continue
            if missing := _num_missing(mine, recipes[index], budget, first=num_first, sides=("below",)):
                return Need(index, "explore", Priority.EXPLORE, missing)
    if 1 + len(explored) >= budget.recipes:
        return None
    is_awaited = is_confirming or any(_is_running(mine) for mine in explored.values())
    return Need(1 + len(explored), "explore", Priority.AHEAD if is_awaited else Priority.EXPLORE)


def _num_missing(
    trials: Sequence[JudgedTrial],
    recipe: RecipeTally | None,
    budget: Budget,
    *,
    first: int = 0,
    sides: Sequence[Side] = SIDES,
) -> int:
    """Return how many seeds these trials lack.

    Args:
        trials: Of one recipe and purpose. Each one that errored is replaced, up to a limit.
        recipe: What is decided about the recipe, to add the seeds that its next look lacks; None to add none.
        budget: The seeds that there may be.
        first: Seeds that there should be whatever they decide.
        sides: The decisions that are of interest.
    """
    errored = sum(trial.outcome == "errored" for trial in trials)
    counted = len(trials) - errored
    needed = max(first, counted)
    if recipe is not None and counted >= first:
        needed = max(needed, _next_look(trials, recipe, budget, first, sides))
    return max(0, needed + min(errored, budget.max_seeds) - len(trials))


def _next_look(
    trials: Sequence[JudgedTrial], recipe: RecipeTally, budget: Budget, first: int, sides: Sequence[Side]
) -> int:
    """Return the number of seeds at a recipe's next look, or 0 if nothing more is to be looked at for now.

    Seeds for a later look begin only once all earlier ones have ended, for they may decide.
    """
    counted = len(recipe.seeds)
    is_between_looks = counted > first and all(look.num_seeds != counted for look in recipe.rule.looks)
    if recipe.side is not None or (_is_running(trials) and not is_between_looks):
        return 0
    return recipe.rule.next_look(recipe.seeds, budget.most_seeds, sides) or 0


def _is_running(trials: Sequence[JudgedTrial]) -> bool:
    return any(trial.outcome is None for trial in trials)


def _by_recipe(trials: Sequence[JudgedTrial], purpose: Purpose) -> dict[int, list[JudgedTrial]]:
    by_recipe: dict[int, list[JudgedTrial]] = defaultdict(list)
    for trial in trials:
        if trial.purpose == purpose:
            by_recipe[trial.recipe_index].append(trial)
    return dict(sorted(by_recipe.items()))
