"""What is foretold of a run's cells before any of them is trained: forecast.json in the run's folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from analysis.errors import UserError
from analysis.storage import AnyPath, write_atomically
from analysis.theory.fit import Fit

FILE = "forecast.json"
#: Raised when a field changes its meaning or goes.
SCHEMA = 1


@dataclass(frozen=True)
class CellForecast:
    """One cell.

    Attributes:
        cell: its labels by dotted path.
        signals: what was measured at initialization, by the names of `features.SIGNALS`.
        probability: P(learn) of the default recipe, as the fit has it.
    """

    cell: dict[str, Any]
    signals: dict[str, float]
    probability: float


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
        return _parsed(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: not JSON: {error.msg}") from None
    except (KeyError, TypeError, ValueError) as error:
        again = f"python -m search.forecast run={run.name} writes it anew"
        raise UserError(f"{path}: not a forecast: {type(error).__name__}: {error}; {again}") from None


def _parsed(values: Mapping[str, Any]) -> Forecast:
    if values["schema"] != SCHEMA:
        raise ValueError(f"schema {values['schema']}, and this program reads {SCHEMA}")
    return Forecast(
        fit=Fit.from_dict(values["fit"]),
        num_seeds=values["num_seeds"],
        seconds=values["seconds"],
        cells=tuple(CellForecast(**cell) for cell in values["cells"]),
    )
