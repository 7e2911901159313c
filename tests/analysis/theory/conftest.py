"""Forecasts that are written by hand."""

from collections.abc import Callable, Sequence

import pytest

from failmap.analysis.theory.features import SIGNALS
from failmap.analysis.theory.fit import Fit, LeftOut
from failmap.analysis.theory.forecast import CellForecast, Forecast
from failmap.analysis.theory.logistic import Logistic

MakeForecast = Callable[..., Forecast]


@pytest.fixture
def fit() -> Fit:
    """A fit that goes by depth alone, and was not ahead of the shorter ones first."""
    left_out = LeftOut("a task", 0.8, 0.7, 0.9, "shorter first", 0.85, -0.1, 0.02)
    return Fit(Logistic(("depth",), (2.0,), (1.0,), (-1.0,), 0.0), "two cells", (left_out,))


@pytest.fixture
def make_forecast(fit: Fit) -> MakeForecast:
    """Of lengths and depths, each with the P(learn) that a function of both says."""

    def make(
        lengths: Sequence[int], depths: Sequence[int], probability: Callable[[int, int], float]
    ) -> Forecast:
        cells = [
            CellForecast(
                {"task.sequence_length": length, "model.depth": depth},
                {**dict.fromkeys(SIGNALS, 0.0), "log10_steps": float(length), "depth": float(depth)},
                probability(length, depth),
            )
            for depth in depths
            for length in lengths
        ]
        return Forecast(fit, 3, 1.5, tuple(cells))

    return make
