"""Errors of simple forecasts, which are known levels of a network that forecasts."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from failmap.datasets.chance import PartialSolution
from failmap.datasets.files.examples import WindowedExamples

LAST_VALUE, LAST_SEASON, LINEAR = (
    "repeats the last value",
    "repeats the value one season before",
    "predicts linearly",
)
#: Windows that a linear forecast is fitted on, and numbers of each that it sees: some hundredths of a second.
MAX_WINDOWS, MAX_NUMBERS = 2000, 200
#: Penalties that are tried, as shares of the mean eigenvalue; every fifth window chooses one.
_PENALTIES = (1e-6, 1e-4, 1e-2, 1e-1, 1.0)
_HELD_OUT = 5


def forecast_errors(train: WindowedExamples, validation: WindowedExamples, season: int) -> dict[str, float]:
    """Return the mean squared error of simple forecasts on validation windows, in the units of the targets.

    Args:
        train: What the linear forecast is fitted to.
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
    errors[LINEAR] = _linear_error(train, validation)
    return errors


def known_levels(errors: Mapping[str, float], chance: float, target: float) -> tuple[PartialSolution, ...]:
    """Return the simple forecasts between chance and the criterion, the worst first."""
    levels = [
        PartialSolution(name, error, error) for name, error in errors.items() if target < error < chance
    ]
    return tuple(sorted(levels, key=lambda level: -level.metric))


def _linear_error(train: WindowedExamples, validation: WindowedExamples) -> float:
    """Return the error of a ridge regression from the window to the changes from its last value."""
    num_fitted = min(len(train), MAX_WINDOWS)
    fitted = torch.linspace(0, len(train) - 1, num_fitted).round().long()
    inputs, changes = _numbers(train, fitted)
    asked, wanted = _numbers(validation, torch.arange(len(validation)))
    is_held_out = np.arange(num_fitted) % _HELD_OUT == _HELD_OUT - 1

    def held_out_error(penalty: float) -> float:
        guess = _ridge(inputs[~is_held_out], changes[~is_held_out], penalty, inputs[is_held_out])
        return float(np.square(guess - changes[is_held_out]).mean())

    penalty = min(_PENALTIES, key=held_out_error) if is_held_out.any() else _PENALTIES[-1]
    return float(np.square(_ridge(inputs, changes, penalty, asked) - wanted).mean())


def _numbers(
    windows: WindowedExamples, rows: Tensor
) -> tuple[Float64[np.ndarray, "windows numbers"], Float64[np.ndarray, "windows changes"]]:
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
