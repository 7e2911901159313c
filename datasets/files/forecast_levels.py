"""Errors of simple forecasts, which are known levels of a network that forecasts."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from failmap.datasets.chance import PartialSolution
from failmap.datasets.files.examples import WindowedExamples

Numbers = Float64[np.ndarray, "_ numbers"]
Changes = Float64[np.ndarray, "_ changes"]

LAST_VALUE, LAST_SEASON, LINEAR, NEIGHBOURS = (
    "repeats the last value",
    "repeats the value one season before",
    "predicts linearly",
    "predicts like its nearest neighbours",
)
#: Neighbours that are asked, and numbers of a window by which they are near.
NUM_NEIGHBOURS, MAX_COORDINATES = 5, 6
#: Windows that a linear forecast is fitted on, and numbers of each that it sees: some hundredths of a second.
MAX_WINDOWS, MAX_NUMBERS = 2000, 200
#: Penalties that are tried, as shares of the mean eigenvalue; every fifth window chooses one.
_PENALTIES = (1e-6, 1e-4, 1e-2, 1e-1, 1.0)
_HELD_OUT = 5


class SimpleForecasts(NamedTuple):
    """What simple forecasts get on validation windows.

    Attributes:
        errors: Mean squared errors by name, in the units of the targets.
        error_shift: Error of the linear forecast in units of its error on training windows left out.
    """

    errors: dict[str, float]
    error_shift: float


def simple_forecasts(train: WindowedExamples, validation: WindowedExamples, season: int) -> SimpleForecasts:
    """Measure simple forecasts on validation windows.

    Args:
        train: What the linear forecast and that of neighbours are fitted to.
        validation: What all are measured on.
        season: Steps of a season; 0 if there is none. Repeated only if the windows are long enough.
    """
    history, later = validation.history(torch.arange(len(validation)))
    errors = {LAST_VALUE: (history[:, -1:] - later).double().square().mean().item()}
    num_steps, horizon = history.shape[1], later.shape[1]
    if 0 < season <= num_steps:
        ahead = torch.arange(horizon)
        seasons_back = ahead // season + 1
        errors[LAST_SEASON] = (
            (history[:, num_steps + ahead - season * seasons_back] - later).double().square().mean().item()
        )
    num_fitted = min(len(train), MAX_WINDOWS)
    fitted = torch.linspace(0, len(train) - 1, num_fitted).round().long()
    inputs, changes = _numbers(train, fitted)
    asked, wanted = _numbers(validation, torch.arange(len(validation)))
    errors[LINEAR], left_out = _linear_errors(inputs, changes, asked, wanted)
    if num_fitted >= NUM_NEIGHBOURS:
        errors[NEIGHBOURS] = _neighbour_error(inputs, changes, asked, wanted)
    return SimpleForecasts(errors, errors[LINEAR] / left_out if left_out > 0 else math.nan)


def known_levels(errors: Mapping[str, float], chance: float, target: float) -> tuple[PartialSolution, ...]:
    """Return the simple forecasts between chance and the criterion, the worst first."""
    levels = [
        PartialSolution(name, error, error) for name, error in errors.items() if target < error < chance
    ]
    return tuple(sorted(levels, key=lambda level: -level.metric))


def _linear_errors(inputs: Numbers, changes: Changes, asked: Numbers, wanted: Changes) -> tuple[float, float]:
    """Return the errors of a ridge regression from the window to the changes from its last value.

    Returns:
        On the windows that are asked for, and on training windows that were left out; NaN without any.
    """
    is_held_out = np.arange(len(inputs)) % _HELD_OUT == _HELD_OUT - 1

    def held_out_error(penalty: float) -> float:
        guess = _ridge(inputs[~is_held_out], changes[~is_held_out], penalty, inputs[is_held_out])
        return float(np.square(guess - changes[is_held_out]).mean())

    tried = {penalty: held_out_error(penalty) for penalty in _PENALTIES} if is_held_out.any() else {}
    penalty = min(tried, key=lambda one: tried[one], default=_PENALTIES[-1])
    error = float(np.square(_ridge(inputs, changes, penalty, asked) - wanted).mean())
    return error, tried.get(penalty, math.nan)


def _neighbour_error(inputs: Numbers, changes: Changes, asked: Numbers, wanted: Changes) -> float:
    """Return the error of the mean change after the nearest training windows, by their last numbers.

    It finds rules that no line does, such as those of chaotic maps (Farmer and Sidorowich 1987).
    """
    # Imported here because only forecasts need it.
    from scipy.spatial import KDTree

    latest = slice(-MAX_COORDINATES, None)
    deviation = inputs.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    known, sought = ((part / scale)[:, latest] for part in (inputs, asked))
    _, nearest = KDTree(known).query(sought, k=NUM_NEIGHBOURS)
    return float(np.square(changes[nearest].mean(axis=1) - wanted).mean())


def _numbers(windows: WindowedExamples, rows: Tensor) -> tuple[Numbers, Changes]:
    """Return what a linear forecast sees of windows, the latest steps, and the changes it is asked for."""
    inputs: Float[Tensor, "windows time features"] = windows.take(rows).inputs
    history, later = windows.history(rows)
    num_steps = max(1, MAX_NUMBERS // inputs.shape[2])
    last = history[:, -1]
    seen = torch.cat([inputs[:, -num_steps:, :MAX_NUMBERS].flatten(1), last], dim=1)
    return seen.double().numpy(), (later - last[:, None]).double().flatten(1).numpy()


def _ridge(
    inputs: Float64[np.ndarray, "windows numbers"],
    targets: Float64[np.ndarray, "windows changes"],
    penalty: float,
    asked: Float64[np.ndarray, "asked numbers"],
) -> Float64[np.ndarray, "asked changes"]:
    """Fit a ridge regression with an intercept, and return its predictions."""
    mean, deviation, offset = inputs.mean(axis=0), inputs.std(axis=0), targets.mean(axis=0)
    deviation = np.where(deviation > 1e-12 * (1 + np.abs(mean)), deviation, 1.0)
    scaled = (inputs - mean) / deviation
    products = scaled.T @ scaled
    regular = products + penalty * (np.trace(products) / len(products) + 1e-12) * np.eye(len(products))
    weights = np.linalg.solve(regular, scaled.T @ (targets - offset))
    predicted: Float64[np.ndarray, "asked changes"] = (asked - mean) / deviation @ weights + offset
    return predicted
