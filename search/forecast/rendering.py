"""A forecast on a terminal: P(learn) in each cell, coloured by its side of one half."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from failmap.analysis.load import CellKey, cell_key
from failmap.analysis.theory.fit import LeftOut
from failmap.analysis.theory.forecast import Forecast
from failmap.analysis.wording import axis_labels, axis_words, duration_text, is_scale, setting_words
from failmap.search.space import Axis, Space


def forecast_picture(space: Space, forecast: Forecast) -> RenderableType:
    """The map, a table for each facet, and what there is to say of it.

    Numbers on the y axis go upwards; names stand one below the other, as the space lists them.
    """
    paths = space.map.paths
    probabilities = {cell_key(cell.cell, paths): cell.probability for cell in forecast.cells}
    x, y, *facet = space.map_axes
    rows = _labels(y)
    if is_upward := is_scale(y.values or ()):
        rows.reverse()
    heading = f"P(learn): {_words(y)}{' (up)' * is_upward} by {_words(x)} (across)"
    panels: list[RenderableType] = []
    for end in [(label,) for label, _ in _labels(facet[0])] if facet else [()]:
        if not any(key[2:] == end for key in probabilities):
            continue
        told = f", {setting_words(facet[0].path, end[0])}" if end else ""
        panels += [Text(heading + told), _panel(_labels(x), rows, end, probabilities)]
    seconds = duration_text(forecast.seconds)
    panels.append(
        Text(f"{len(forecast.cells)} cells, {forecast.num_seeds} initializations each, in {seconds}")
    )
    panels += [Text(line) for line in _standing(forecast)]
    return Group(*panels)


def _panel(
    columns: list[tuple[str, str]],
    rows: list[tuple[str, str]],
    end: tuple[str, ...],
    probabilities: dict[CellKey, float],
) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for y_label, y_words in rows:
        cells = [_cell(probabilities.get((x_label, y_label, *end))) for x_label, _ in columns]
        table.add_row(Text(y_words, style="bold"), *cells)
    table.add_row("", *(Text(words, style="bold") for _, words in columns))
    return table


def _cell(probability: float | None) -> Text:
    if probability is None:
        return Text("-", style="dim")
    return Text(f"{probability:.2f}", style="green" if probability > 0.5 else "red")


def _labels(axis: Axis) -> list[tuple[str, str]]:
    """Each label of an axis as keys have it, and as it is shown."""
    labels: list[Any] = [axis.label(value) for value in axis.values or ()]
    keys = [cell_key({axis.path: label}, [axis.path])[0] for label in labels]
    return list(zip(keys, axis_labels(axis.path, labels), strict=True))


def _words(axis: Axis) -> str:
    return axis_words(axis.path, axis.values or ())


def _standing(forecast: Forecast) -> Iterator[str]:
    """How far the forecast is to be believed."""
    fit = forecast.fit
    yield f"coefficients fitted on {fit.fitted_on}"
    yield from map(_left_out_words, fit.left_out)
    if not fit.has_earned_its_place:
        yield "not ahead of the best simple order wherever it was tried: it steers no search"


def _left_out_words(trial: LeftOut) -> str:
    return (
        f"AUROC, left out: {trial.left_out}: {trial.auroc:.2f} "
        f"({trial.low:.2f} to {trial.high:.2f}); {trial.baseline}: {trial.baseline_auroc:.2f}; "
        f"lead from {trial.gain_low:+.2f} to {trial.gain_high:+.2f}"
    )
