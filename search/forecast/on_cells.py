"""A forecast for every cell that a run's budget reaches."""

from collections.abc import Callable
from time import perf_counter

import torch

from failmap.analysis.theory.fit import Fit
from failmap.analysis.theory.forecast import CellForecast, Forecast
from failmap.search.agenda import cells_in_order
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.forecast.measure import NUM_SEEDS, initial_signals


def foretell(
    config: RunConfig,
    fit: Fit,
    *,
    num_seeds: int = NUM_SEEDS,
    on_cell: Callable[[str], None] = lambda name: None,
) -> Forecast:
    """Looks at each cell's default recipe at initialization. Trains nothing.

    Args:
        config: whose cells.
        fit: the coefficients.
        num_seeds: initializations of each cell.
        on_cell: is told each cell before it is looked at.
    """
    started = perf_counter()
    torch.set_num_threads(config.cluster.cpus_per_trial)
    cells = []
    for cell in cells_in_order(config, relative_cost):
        on_cell(str(cell))
        trial = config.space.trial_config(cell, config.space.default_recipe(cell), config.seed)
        signals = initial_signals(trial, num_seeds)
        cells.append(CellForecast(cell.as_dict(), signals, fit.probability(signals)))
    return Forecast(fit, num_seeds, perf_counter() - started, tuple(cells))
