"""The front of several objectives: every recipe in the first two, and the line of those not beaten."""

from collections.abc import Iterable

from failmap.analysis.best.charts import (
    MOST_MARKS,
    Chart,
    Mark,
    left_out,
    objective_name,
    on_top,
    recipe_kind,
)
from failmap.analysis.best.leaderboard import Leaderboard
from failmap.analysis.best.ranking import RankedRecipe
from failmap.analysis.best.scales import number_scale, thinned
from failmap.run_folder.wording import quantity

#: Places beside the recipes of a front, and how far apart they must be, in percent of width and height.
_MOST_LABELS, _LABEL_ROOM = 25, (4.4, 6.0)


def front_chart(board: Leaderboard) -> Chart:
    """Return the mean of every recipe in the first two objectives, and the line of those not beaten."""
    first, second = board.objectives[:2]
    x = number_scale((one.estimates[1].mean for one in board.recipes), sign=second.sign)
    y = number_scale((one.estimates[0].mean for one in board.recipes), sign=first.sign)
    drawn = [
        board.recipes[index]
        for index in thinned(len(board.recipes), MOST_MARKS, range(min(len(board.front), MOST_MARKS)))
    ]
    named = None if board.best is None else board.best.recipe_index

    def place(one: RankedRecipe) -> tuple[float, float]:
        return x.at(one.estimates[1].mean), round(100 - y.at(one.estimates[0].mean), 2)

    marks = [
        Mark(
            *place(one),
            recipe_kind(one, is_front=one.front == 0),
            one.recipe_index,
            None,
            one.recipe_index == named,
        )
        for one in drawn
    ]
    points = [
        (second.sign * one.estimates[1].mean, first.sign * one.estimates[0].mean, place(one))
        for one in board.recipes
        if not one.is_stopped
    ]
    notes = left_out(len(board.recipes) - len(drawn), "recipe")
    if len(board.objectives) > 2:
        others = " and ".join(one.name for one in board.objectives[2:])
        notes.append(f"the line joins recipes that no other one beats in these two; {others} is not drawn")
    if num_outside := sum(
        not (x.holds(one.estimates[1].mean) and y.holds(one.estimates[0].mean)) for one in drawn
    ):
        notes.append(f"{quantity(num_outside, 'recipe')} beyond an axis, drawn at its end")
    description = (
        f"{first.name} over {second.name} of {quantity(len(board.recipes), 'recipe')}, of which no other one "
        f"beats {len(board.front)}"
    )
    return Chart(
        description,
        objective_name(second),
        objective_name(first),
        x.ticks,
        y.ticks,
        on_top(marks),
        _front_line(points, is_right_better=second.sign > 0, is_up_better=first.sign > 0),
        _labels((str(index), *place(one)) for index, one in enumerate(board.front, start=1)),
        tuple(notes),
    )


def _front_line(
    points: Iterable[tuple[float, float, tuple[float, float]]], *, is_right_better: bool, is_up_better: bool
) -> str:
    """Return the line between what was reached and what was not, from the one end of the chart to the other.

    Args:
        points: The value along x and the one along y, larger ones being better, and the place in the chart.
        is_right_better, is_up_better: Where better values lie.
    """
    corners: list[tuple[float, float]] = []
    highest: float | None = None
    for _, value, place in sorted(points, key=lambda one: (-one[0], -one[1])):
        if highest is None or value > highest:
            highest = value
            corners.append(place)
    if not corners:
        return ""
    path = f"M{corners[0][0]} {100 if is_up_better else 0}V{corners[0][1]}"
    for left, top in corners[1:]:
        path += f"H{left}V{top}"
    return f"{path}H{0 if is_right_better else 100}"


def _labels(places: Iterable[tuple[str, float, float]]) -> list[tuple[float, float, str]]:
    """Return as many texts as have room, the first ones before the others."""
    labels: list[tuple[float, float, str]] = []
    for text, left, top in places:
        is_free = all(
            abs(left - other[0]) >= _LABEL_ROOM[0] or abs(top - other[1]) >= _LABEL_ROOM[1]
            for other in labels
        )
        if is_free and len(labels) < _MOST_LABELS:
            labels.append((left, top, text))
    return labels
