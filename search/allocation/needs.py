"""What one cell needs next: more seeds of a recipe, another recipe, or nothing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from failmap.analysis.verdict import DEFAULT_RECIPE, JudgedTrial, Tally
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


def cell_need(trials: Sequence[JudgedTrial], budget: Budget) -> Need | None:
    """Return what a cell with these trials needs next, or None if nothing until one of them ends."""
    default = [trial for trial in trials if trial.purpose == "default"]
    if missing := _num_missing(default, budget, extend=True):
        return Need(DEFAULT_RECIPE, "default", Priority.DEFAULT, missing)
    if _is_running(default) or _tally(default).is_above_half or budget.recipes == 1:
        return None
    return _recipe_need(trials, budget)


class _Known(NamedTuple):
    """A trial, of which only these three matter here."""

    recipe_index: int
    purpose: Purpose
    outcome: Outcome | None


def num_trials_left(trials: Sequence[JudgedTrial], budget: Budget) -> int:
    """Return how many trials of a cell run or are still to come if none of them learns.

    The allocation itself is asked, so that the count holds for every kind of budget.
    """
    known = (_Known(trial.recipe_index, trial.purpose, trial.outcome) for trial in trials)
    return _num_trials_left(tuple(known), budget)


@lru_cache(maxsize=100_000)
def _num_trials_left(known: tuple[_Known, ...], budget: Budget) -> int:
    trials = [trial._replace(outcome=trial.outcome or "failed") for trial in known]
    while (need := cell_need(trials, budget)) is not None:
        trials += need.num_trials * [_Known(need.recipe_index, need.purpose, "failed")]
    return len(trials) - sum(trial.outcome is not None for trial in known)


def _recipe_need(trials: Sequence[JudgedTrial], budget: Budget) -> Need | None:
    """Return what comes after the default recipe, in a cell that has not learned by it.

    A recipe that learned on at least half of its seeds is confirmed on fresh ones before another is tried.
    """
    explored, confirmed = _by_recipe(trials, "explore"), _by_recipe(trials, "confirm")
    if any(_tally(mine).is_above_half for mine in confirmed.values() if not _is_running(mine)):
        return None
    for index, mine in explored.items():
        if missing := _num_missing(mine, budget, extend=False):
            return Need(index, "explore", Priority.EXPLORE, missing)
    for index, mine in confirmed.items():
        if missing := _num_missing(mine, budget, extend=True):
            return Need(index, "confirm", Priority.EXPLORE, missing)
    is_confirming = any(_is_running(mine) for mine in confirmed.values())
    promising = {
        index: _tally(mine)
        for index, mine in explored.items()
        if index not in confirmed and not _is_running(mine) and _tally(mine).share >= 0.5
    }
    if promising and not is_confirming:
        best = max(promising, key=lambda index: (promising[index].share, -index))
        return Need(best, "confirm", Priority.EXPLORE)
    if 1 + len(explored) >= budget.recipes:
        return None
    is_awaited = is_confirming or any(_is_running(mine) for mine in explored.values())
    return Need(1 + len(explored), "explore", Priority.AHEAD if is_awaited else Priority.EXPLORE)


def _num_missing(trials: Sequence[JudgedTrial], budget: Budget, *, extend: bool) -> int:
    """Return how many seeds these trials lack.

    Args:
        trials: Of one recipe and purpose. Each one that errored is replaced, up to a limit.
        budget: The seeds that there should be.
        extend: Add seeds while those that ended do not decide.
    """
    errored = sum(trial.outcome == "errored" for trial in trials)
    counted = len(trials) - errored
    needed = _next_look(trials, counted, budget) if extend else budget.seeds
    return max(0, needed + min(errored, budget.max_seeds) - len(trials))


def _next_look(trials: Sequence[JudgedTrial], counted: int, budget: Budget) -> int:
    """Return the number of seeds after which a recipe is judged: the budget's, then doubled up to its limit.

    It does not grow once the seeds have decided, so that a raised limit costs nothing in clear cells.
    """
    look, limit = budget.seeds, max(budget.seeds, budget.max_seeds)
    tally = _tally(trials)
    is_open = not (_is_running(trials) or tally.is_above_half or tally.is_below_half)
    while look < limit and (counted > look or (counted == look and is_open)):
        look = min(2 * look, limit)
    return look


def _is_running(trials: Sequence[JudgedTrial]) -> bool:
    return any(trial.outcome is None for trial in trials)


def _tally(trials: Sequence[JudgedTrial]) -> Tally:
    """Count the trials that have ended."""
    outcomes = [trial.outcome for trial in trials if trial.outcome not in (None, "errored")]
    return Tally(outcomes.count("learned"), len(outcomes), outcomes.count("censored"))


def _by_recipe(trials: Sequence[JudgedTrial], purpose: Purpose) -> dict[int, list[JudgedTrial]]:
    by_recipe: dict[int, list[JudgedTrial]] = defaultdict(list)
    for trial in trials:
        if trial.purpose == purpose:
            by_recipe[trial.recipe_index].append(trial)
    return dict(sorted(by_recipe.items()))
