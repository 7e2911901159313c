"""What is foretold of a run's cells before any of them is trained: forecast.json in the run's folder."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from failmap.analysis.errors import UserError
from failmap.analysis.parsing import CHECKED, Count, ParseError, parse
from failmap.analysis.records import Values
from failmap.analysis.storage import AnyPath, write_atomically
from failmap.analysis.storage.plain_files import read_bounded
from failmap.analysis.theory.features import SIGNALS
from failmap.analysis.theory.fit import Fit

FILE = "forecast.json"
#: Raised when a field changes its meaning or goes.
SCHEMA = 1


def _require_signals(signals: dict[str, float]) -> dict[str, float]:
    if missing := [name for name in SIGNALS if name not in signals]:
        raise ValueError(f"{missing[0]} is missing")
    return signals


@dataclass(frozen=True)
class CellForecast:
    """One cell.

    Attributes:
        cell: its labels by dotted path.
        signals: what was measured at initialization, by the names of `features.SIGNALS`.
        probability: P(learn) of the default recipe, as the fit has it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    cell: Values
    signals: Annotated[dict[str, float], AfterValidator(_require_signals)]
    probability: Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class _File:
    """What forecast.json holds."""

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    schema: Literal[1]
    num_seeds: Count
    seconds: float
    fit: Fit
    cells: list[CellForecast]


@dataclass(frozen=True)
class Forecast:
    """All cells of a map.

    Attributes:
        fit: which coefficients, and how well they did elsewhere.
        num_seeds: initializations that each cell's signals are medians of.
        seconds: of measuring.
        cells: in the map's order.
    """

    fit: Fit
    num_seeds: int
    seconds: float
    cells: tuple[CellForecast, ...]

    def write(self, run: AnyPath) -> AnyPath:
        """Writes forecast.json into a run's folder, whole or not at all."""
        path = run / FILE
        content = {
            "schema": SCHEMA,
            "num_seeds": self.num_seeds,
            "seconds": round(self.seconds, 3),
            "fit": self.fit.to_dict(),
            "cells": [asdict(cell) for cell in self.cells],
        }
        write_atomically(path, json.dumps(content, indent=1, allow_nan=False))
        return path


def read_forecast(run: AnyPath) -> Forecast | None:
    """Reads forecast.json of a run's folder; None where nobody made one.

    Raises:
        UserError: it is there, and is none.
    """
    path = run / FILE
    try:
        read = parse(_File, read_bounded(path), "a forecast")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ParseError as error:
        again = f"python -m search.forecast run={run.name} writes it anew"
        raise UserError(f"{path}{error.place}: {error}; {again}") from None
    return Forecast(read.fit, read.num_seeds, read.seconds, tuple(read.cells))
