"""A forecast beside the map that was measured: the line to draw, and how right it was."""

from dataclasses import dataclass

from failmap.analysis.failure_map import FailureMap
from failmap.analysis.load import CellKey, cell_key
from failmap.analysis.storage import AnyPath
from failmap.analysis.theory.auroc import Area, Measured, areas
from failmap.analysis.theory.boundary import Segment, boundary
from failmap.analysis.theory.forecast import Forecast, read_forecast

#: The orders that a forecast must beat, by name: what each gives a cell.
SIMPLE_ORDERS = {"shorter first": "log10_steps", "shallower first": "depth"}


@dataclass(frozen=True)
class ForecastOnMap:
    """What was foretold of a map's cells.

    Attributes:
        lines: by facet, the edges between cells with P(learn) above and below one half (see `boundary`).
        areas: AUROC on the map's own trainings, of the forecast and of the simple orders that tell its cells
            apart; empty while no two cells were seen to end differently.
        num_cells: how many of its cells have trainings that ended. With few of them the intervals are too
            narrow: no resample of a perfect order is anything but perfect.
        has_earned_its_place: whether the forecast beat the best simple order on tasks and networks that it
            was not fitted on.
    """

    lines: dict[tuple[str, ...], list[Segment]]
    areas: dict[str, Area]
    num_cells: int
    has_earned_its_place: bool

    @property
    def line_words(self) -> str:
        """What the line says, for a legend."""
        return f"dashed: P(learn) = ½, foretold at initialization{self._accuracy}"

    @property
    def page_words(self) -> str:
        """The same for the page beside the picture, and how far to believe it."""
        elsewhere = "" if self.has_earned_its_place else "not "
        return (
            "The dashed line in failure_map.png is where P(learn) = ½ was foretold at initialization"
            f"{self._accuracy}. On tasks and networks that it was not fitted on the forecast was {elsewhere}"
            "ahead of the best simple order (docs/theory.md)."
        )

    @property
    def _accuracy(self) -> str:
        told = [
            f"{name} {area.value:.2f} ({area.interval.low:.2f} to {area.interval.high:.2f})"
            for name, area in self.areas.items()
        ]
        return f"; AUROC on the {self.num_cells} cells tried: {', '.join(told)}" if told else ""


def forecast_on(failure_map: FailureMap, run: AnyPath) -> ForecastOnMap | None:
    """What a run's forecast says of its map; None where there is none. Raises UserError where it is none."""
    forecast = read_forecast(run)
    return None if forecast is None else laid_on(failure_map, forecast)


def laid_on(failure_map: FailureMap, forecast: Forecast) -> ForecastOnMap:
    """Draws the line, and compares with what the map's trainings did."""
    foretold = {cell_key(cell.cell, failure_map.paths): cell for cell in forecast.cells}
    probabilities = {key: cell.probability for key, cell in foretold.items()}
    scores: dict[str, list[float]] = {"forecast": [], **{name: [] for name in SIMPLE_ORDERS}}
    learned, trials = [], []
    for key, cell in failure_map.cells.items():
        tally = cell.verdict.tally
        if key in foretold and tally.trials > tally.censored:
            learned.append(tally.learned)
            trials.append(tally.trials - tally.censored)
            scores["forecast"].append(foretold[key].probability)
            for name, signal in SIMPLE_ORDERS.items():
                scores[name].append(-foretold[key].signals[signal])
    told = {name: values for name, values in scores.items() if name == "forecast" or len(set(values)) > 1}
    differs = 0 < sum(learned) < sum(trials)
    return ForecastOnMap(
        lines={facet: _line(failure_map, facet, probabilities) for facet in failure_map.facets},
        areas=areas(told, Measured(learned, trials)) if differs else {},
        num_cells=len(trials),
        has_earned_its_place=forecast.fit.has_earned_its_place,
    )


def _line(
    failure_map: FailureMap, facet: tuple[str, ...], probabilities: dict[CellKey, float]
) -> list[Segment]:
    rows = [[probabilities.get(cell.labels) for cell in row] for _, row in failure_map.rows(facet)]
    return boundary([[None if p is None else p > 0.5 for p in row] for row in reversed(rows)])
