"""The ranked recipes of a run as rows of a table, and the best one in a sentence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from failmap.analysis.best.ranking import Estimate, RankedRecipe, best_of, rank
from failmap.analysis.load import Run
from failmap.run_folder.objectives import Objective
from failmap.run_folder.paths import WEIGHTS_FILE
from failmap.run_folder.storage import store_of
from failmap.run_folder.wording import quantity, setting_display


@dataclass(frozen=True)
class Leaderboard:
    """The recipes of a run, the best one first.

    Attributes:
        objectives: The numbers that the run optimises.
        recipes: Every recipe that has a trial with a value.
        best: The recipe that is named the best (see `best_of`); None before any trial has ended.
        num_trials: Trials that have ended, errored ones included.
    """

    objectives: tuple[Objective, ...]
    recipes: tuple[RankedRecipe, ...]
    best: RankedRecipe | None
    num_trials: int

    @property
    def front(self) -> tuple[RankedRecipe, ...]:
        """The recipes that no other one beats in every objective."""
        return tuple(one for one in self.recipes if one.front == 0)


def leaderboard_of(run: Run) -> Leaderboard:
    """Return the ranking of a run of goal=best."""
    objectives = run.config.objectives
    assert objectives, "the run draws a map"
    trials = run.cell_records
    recipes = rank(trials, objectives)
    num_ended = sum(trial.outcome is not None for trial in trials)
    return Leaderboard(objectives, tuple(recipes), best_of(recipes, objectives), num_ended)


def number_text(value: float) -> str:
    """Return a number with four digits, a whole one with all, or '' for one that is not known."""
    if not math.isfinite(value):
        return ""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def estimate_text(estimate: Estimate) -> str:
    """Return '0.912 (0.897 to 0.927)', or '0.93, not confirmed' where no fresh seed was tried."""
    if math.isnan(estimate.fresh):
        return f"{number_text(estimate.mean)}, not confirmed"
    if estimate.low == estimate.high:
        return number_text(estimate.fresh)
    if math.isnan(estimate.low):
        return f"{number_text(estimate.fresh)}, one fresh seed"
    return f"{number_text(estimate.fresh)} ({number_text(estimate.low)} to {number_text(estimate.high)})"


def recipe_text(recipe: RankedRecipe) -> str:
    """Return a recipe's settings as text: 'learning rate 0.003, hidden size 64'."""
    return ", ".join(setting_display(path, label) for path, label in recipe.recipe.items())


def best_line(board: Leaderboard) -> str:
    """Return what a run has found, in one sentence."""
    if board.best is None:
        return "No trial has ended with a value yet"
    if len(board.objectives) > 1:
        names = " and ".join(one.name for one in board.objectives)
        num = sum(one.is_confirmed for one in board.front)
        return (
            f"{quantity(len(board.front), 'recipe')} of {len(board.recipes)} that no other one beats in "
            f"{names}; {num} of them confirmed on fresh seeds"
        )
    best, name = board.best, board.objectives[0].name
    (estimate,) = best.estimates
    if not best.is_confirmed:
        return (
            f"best guess among {quantity(len(board.recipes), 'recipe')}, not yet confirmed: {name} "
            f"{number_text(estimate.mean)} with {recipe_text(best)}"
        )
    return (
        f"best of {quantity(len(board.recipes), 'recipe')}: {name} {number_text(estimate.fresh)} "
        f"({number_text(estimate.low)} to {number_text(estimate.high)} in 95 %, over "
        f"{len(best.fresh_numbers)} fresh seeds) with {recipe_text(best)}"
    )


def first_rows(board: Leaderboard, most: int) -> Sequence[RankedRecipe]:
    """Return the first recipes; of several objectives, all of the front and then others, `most` at least."""
    return board.recipes[: max(most, len(board.front) if len(board.objectives) > 1 else 0)]


def rows_of(run: Run, board: Leaderboard) -> list[dict[str, Any]]:
    """Return a row for each recipe, for CSV and JSON: place, seeds, estimates, best trial, settings."""
    rows = []
    for place, one in enumerate(board.recipes, start=1):
        row: dict[str, Any] = {
            "place": place,
            "front": one.front,
            "recipe_index": one.recipe_index,
            "seeds": len(one.numbers),
            "fresh_seeds": len(one.fresh_numbers),
            "stopped_by_rank": one.is_stopped,
        }
        for objective, estimate in zip(board.objectives, one.estimates, strict=True):
            row |= {
                f"objective.{objective.name}": estimate.mean,
                f"objective.{objective.name}.fresh": _known(estimate.fresh),
                f"objective.{objective.name}.low": _known(estimate.low),
                f"objective.{objective.name}.high": _known(estimate.high),
            }
        row["best_trial"] = one.best_trial
        rows.append(row | {path: one.recipe.get(path) for path in run.config.axis_paths})
    return rows


def kept_weights(run: Run, recipe: RankedRecipe) -> list[int]:
    """Return the trials of a recipe whose weights are kept."""
    store = store_of(run.folder.path)
    return [n for n in recipe.numbers if store.exists(run.folder.trial(n).path / WEIGHTS_FILE)]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
