"""The rows of the ranking: each recipe with a dot plot per objective, on an axis that all rows share."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from failmap.analysis.best.leaderboard import Leaderboard, estimate_text, first_rows
from failmap.analysis.best.ranking import Estimate, RankedRecipe
from failmap.analysis.best.scales import LEAST_LOG_RATIO, Scale, number_scale
from failmap.analysis.best.settings import setting_texts
from failmap.analysis.load import Run
from failmap.run_folder.objectives import Objective

#: See `scales.FARTHEST`: less, for the first recipes are what is compared.
_FARTHEST = 5
#: Recipes in the table; of several objectives, all of the front up to the second number.
NUM_ROWS, MOST_ROWS = 20, 60


@dataclass(frozen=True)
class Seed:
    """A trial in a dot plot: its number, its place in percent, and whether its seed is a fresh one."""

    trial: int
    at: float
    is_fresh: bool


@dataclass(frozen=True)
class DotPlot:
    """One objective of a recipe, in percent of the axis.

    Attributes:
        name: Of the objective.
        text: The estimate.
        mean: Over all seeds; None beyond the axis.
        seeds: Each trial with a value on the axis.
        low, high: Ends of the interval over fresh seeds; None without one.
        is_cut: Whether something lies beyond each end of the axis.
    """

    name: str
    text: str
    mean: float | None
    seeds: tuple[Seed, ...]
    low: float | None
    high: float | None
    is_cut: tuple[bool, bool]


@dataclass(frozen=True)
class Row:
    """A row of the ranking.

    Attributes:
        place: From 1.
        recipe: The ranked recipe.
        plots: One for each objective.
        settings: Texts of the settings that differ, in the order of their columns.
        trial: The one with the best value of the first objective.
        num_without: Trials that ended without a value, each of which counts as the worst one of the run.
        is_best: Whether it is the recipe that is named.
    """

    place: int
    recipe: RankedRecipe
    plots: tuple[DotPlot, ...]
    settings: tuple[str, ...]
    trial: int
    num_without: int
    is_best: bool


def shown_recipes(board: Leaderboard) -> list[tuple[int, RankedRecipe]]:
    """Return the recipes that have a row, with their places: the first ones, and the one that is named."""
    most = len(first_rows(board, NUM_ROWS)[:MOST_ROWS])
    return [
        (place, one)
        for place, one in enumerate(board.recipes, start=1)
        if place <= most or (board.best is not None and one.recipe_index == board.best.recipe_index)
    ]


def objective_scales(run: Run, board: Leaderboard) -> list[Scale]:
    """Return the axis of each objective, for the means and seeds of all rows and parts of their intervals."""
    values, shown = _values(run), [one for _, one in shown_recipes(board)]
    scales = []
    for index, objective in enumerate(board.objectives):
        estimates = [one.estimates[index] for one in shown]
        numbers = [values[number][index] for one in shown for number in _known(one, values)]
        numbers += [one.mean for one in estimates]
        ends = [end for one in estimates for end in (one.low, one.high) if math.isfinite(end)]
        least, most = _reach(numbers)
        numbers += [min(max(end, least), most) for end in ends]
        scales.append(number_scale(numbers, sign=objective.sign, farthest=_FARTHEST))
    return scales


def ranking_rows(run: Run, board: Leaderboard, scales: Sequence[Scale], paths: Sequence[str]) -> list[Row]:
    """Return the rows of the first recipes.

    Args:
        run: The run.
        board: Its ranking.
        scales: An axis for each objective.
        paths: The settings that have columns.
    """
    shown, values = shown_recipes(board), _values(run)
    columns = [setting_texts(path, [one.recipe for _, one in shown]) for path in paths]
    return [
        Row(
            place,
            one,
            tuple(
                _dot_plot(objective, one, number, scale, values)
                for number, (objective, scale) in enumerate(zip(board.objectives, scales, strict=True))
            ),
            tuple(column[index] for column in columns),
            one.best_trial,
            len(one.numbers) - len(_known(one, values)),
            board.best is not None and one.recipe_index == board.best.recipe_index,
        )
        for index, (place, one) in enumerate(shown)
    ]


def _reach(numbers: Sequence[float]) -> tuple[float, float]:
    """Return how far intervals are drawn: those of two seeds would leave nothing else to see."""
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    if low > 0 and high > LEAST_LOG_RATIO * low:
        return low / 2, high * 2
    room = (high - low) / 2
    return low - room, high + room


def _values(run: Run) -> Mapping[int, Sequence[float]]:
    return {record.number: record.objectives for record in run.cell_records if record.objectives}


def _known(recipe: RankedRecipe, values: Mapping[int, Sequence[float]]) -> list[int]:
    return [number for number in recipe.numbers if number in values]


def _dot_plot(
    objective: Objective,
    recipe: RankedRecipe,
    index: int,
    scale: Scale,
    values: Mapping[int, Sequence[float]],
) -> DotPlot:
    estimate = recipe.estimates[index]
    mine = {number: values[number][index] for number in _known(recipe, values)}
    has_interval = math.isfinite(estimate.low)
    there = [*mine.values(), estimate.mean, *((estimate.low, estimate.high) if has_interval else ())]
    return DotPlot(
        objective.name,
        _text(objective, estimate, list(mine.values())),
        scale.at(estimate.mean) if scale.holds(estimate.mean) else None,
        tuple(
            Seed(number, scale.at(value), number in recipe.fresh_numbers)
            for number, value in mine.items()
            if scale.holds(value)
        ),
        scale.at(estimate.low) if has_interval else None,
        scale.at(estimate.high) if has_interval else None,
        (min(there) < scale.low, max(there) > scale.high),
    )


def _text(objective: Objective, estimate: Estimate, values: Sequence[float]) -> str:
    """Return the estimate as text. A count of parameters is the same for every seed: nothing to confirm."""
    if objective.name == "parameters" and set(values) == {estimate.mean}:
        return f"{estimate.mean:,.0f}"
    return estimate_text(estimate)
