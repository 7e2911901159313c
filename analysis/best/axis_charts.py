"""Each axis against the first objective: a small chart with a mark for every recipe."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from failmap.analysis.best.charts import MOST_MARKS, Chart, Mark, objective_name, on_top, recipe_kind
from failmap.analysis.best.leaderboard import Leaderboard
from failmap.analysis.best.ranking import RankedRecipe
from failmap.analysis.best.scales import Scale, Tick, number_scale, thinned
from failmap.analysis.best.settings import axis_names, setting_texts
from failmap.analysis.load import Run
from failmap.run_folder.wording import in_order, is_scale, label_text, quantity

#: Marks of all these charts together.
_MOST_TOGETHER = 12_000
#: An axis with at most as many numbers has a column for each of them.
_MOST_COLUMNS = 7
#: Names on one axis; the rarer ones share a column.
_MOST_NAMES = 12
#: Ticks of a small chart.
_NUM_TICKS = 4
#: Part of a column over which its marks are strewn, and the golden ratio, whose multiples fill it evenly.
_STREWN, _GOLDEN = 0.62, 0.6180339887498949


def axis_charts(run: Run, board: Leaderboard) -> tuple[list[Chart], list[str]]:
    """Return a chart for every axis along which recipes differ, and the titles of the others."""
    recipes, objective = board.recipes, board.objectives[0]
    paths = run.config.axis_paths
    names = axis_names(paths, [one.recipe for one in recipes])
    differing = [path for path in paths if _num_values(path, recipes) > 1]
    most = min(MOST_MARKS, _MOST_TOGETHER // max(len(differing), 1))
    drawn = [recipes[index] for index in thinned(len(recipes), most, range(min(most // 2, len(recipes))))]
    y = number_scale((one.estimates[0].mean for one in recipes), sign=objective.sign)
    named = None if board.best is None else board.best.recipe_index
    charts = [
        _chart(path, names[path], drawn, named, y, objective_name(objective), len(recipes))
        for path in differing
    ]
    return charts, [names[path] for path in paths if path not in differing]


def _num_values(path: str, recipes: Sequence[RankedRecipe]) -> int:
    return len({label_text(one.recipe[path]) for one in recipes if path in one.recipe})


def _chart(
    path: str,
    name: str,
    drawn: Sequence[RankedRecipe],
    named: int | None,
    y: Scale,
    y_name: str,
    num_all: int,
) -> Chart:
    mine = [one for one in drawn if path in one.recipe]
    places, ticks, notes = _places(path, [one.recipe for one in mine], [one.recipe_index for one in mine])
    marks = [
        Mark(
            place,
            round(100 - y.at(one.estimates[0].mean), 2),
            recipe_kind(one),
            one.recipe_index,
            None,
            one.recipe_index == named,
        )
        for one, place in zip(mine, places, strict=True)
        if place is not None
    ]
    if len(drawn) < num_all:
        notes.append(f"{len(drawn):,} of {num_all:,} recipes are drawn")
    if len(mine) < len(drawn):
        notes.append(f"{quantity(len(drawn) - len(mine), 'recipe')} without this setting")
    return Chart(
        f"{y_name} over {name} of {quantity(len(marks), 'recipe')}",
        name,
        y_name,
        ticks,
        y.ticks,
        on_top(marks),
        notes=tuple(notes),
        is_category=_is_category([one.recipe[path] for one in mine]),
    )


def _is_category(values: Sequence[Any]) -> bool:
    numbers = [value for value in values if is_scale([value])]
    distinct = len(set(numbers))
    # Few numbers that hardly repeat are draws from a range, not choices.
    are_choices = distinct <= _MOST_COLUMNS and 2 * distinct <= len(numbers)
    return are_choices or len(numbers) < len(values) / 2


def _places(
    path: str, recipes: Sequence[Mapping[str, Any]], indices: Sequence[int]
) -> tuple[list[float | None], Sequence[Tick], list[str]]:
    """Return where each recipe lies along its axis, None if it does not, the ticks, and notes."""
    values = [one[path] for one in recipes]
    if not _is_category(values):
        scale = number_scale([value for value in values if is_scale([value])], _NUM_TICKS)
        places = [scale.at(value) if is_scale([value]) else None for value in values]
        others = Counter(label_text(value) for value in values if not is_scale([value]))
        notes = [f"{quantity(count, 'recipe')} with {text} not drawn" for text, count in others.items()]
        return places, scale.ticks, notes
    texts = dict(zip(map(label_text, values), setting_texts(path, recipes), strict=True))
    common = {text for text, _ in Counter(map(label_text, values)).most_common(_MOST_NAMES)}
    ordered = dict.fromkeys(map(label_text, in_order(values)))
    columns = [text for text in ordered if text in common]
    names = [texts[text] for text in columns]
    if rare := len(texts) - len(columns):
        names.append(f"{rare:,} others")
    width = 100 / len(names)
    at = {text: columns.index(text) if text in common else len(columns) for text in texts}
    strewn = [
        round(width * (at[label_text(value)] + 0.5 + _STREWN * ((index * _GOLDEN) % 1 - 0.5)), 2)
        for value, index in zip(values, indices, strict=True)
    ]
    return list(strewn), [Tick(width * (column + 0.5), text) for column, text in enumerate(names)], []
