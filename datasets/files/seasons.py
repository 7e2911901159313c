"""The season of a series, found by its autocorrelation."""

import numpy as np
from jaxtyping import Float64, Int64

#: Steps that are looked at, from the latest back.
_MAX_STEPS = 20_000
#: A season must be seen so many times.
_NUM_CYCLES = 3
#: The least autocorrelation at the season, and the least rise to it from the trough before it.
_LEAST_PEAK, _LEAST_RISE = 0.3, 0.3
#: Standard errors that the autocorrelation of the changes must have there: a random walk has waves, too, but
#: its changes have none.
_NUM_ERRORS = 3.0


def season_of(values: Float64[np.ndarray, "steps features"]) -> int:
    """Return the steps of the strongest season that series share, or 0 if there is none.

    It is the highest local maximum of the autocorrelation without a linear trend, averaged over the features.

    Args:
        values: Consecutive steps of a series.
    """
    values = values[-_MAX_STEPS:]
    num_steps = len(values)
    max_lag = num_steps // _NUM_CYCLES
    if max_lag < 3:
        return 0
    time = np.arange(num_steps) - (num_steps - 1) / 2
    slope = time @ values / (time @ time)
    levels = _autocorrelation(values - time[:, None] * slope, max_lag + 1)
    changes = _autocorrelation(np.diff(values, axis=0), max_lag + 1)
    lags = np.arange(1, len(levels) - 1)
    is_peak = (levels[lags] >= levels[lags - 1]) & (levels[lags] > levels[lags + 1])
    trough = np.minimum.accumulate(levels)[lags]
    is_peak &= (levels[lags] >= _LEAST_PEAK) & (levels[lags] - trough >= _LEAST_RISE)
    is_peak &= changes[lags] >= _NUM_ERRORS / np.sqrt(num_steps)
    peaks = lags[is_peak]
    return int(peaks[levels[peaks].argmax()]) if len(peaks) else 0


def longest_run(
    steps: Int64[np.ndarray, "steps"], owners: Int64[np.ndarray, "steps"]
) -> Int64[np.ndarray, "run"]:
    """Return the longest run of consecutive steps of one series.

    Args:
        steps: Ascending.
        owners: The series of each.
    """
    borders = np.flatnonzero((np.diff(steps) != 1) | (np.diff(owners) != 0)) + 1
    run: Int64[np.ndarray, "run"] = max(np.split(steps, borders), key=len)
    return run


def _autocorrelation(
    values: Float64[np.ndarray, "steps features"], num_lags: int
) -> Float64[np.ndarray, "lags"]:
    """Return the autocorrelation at lags from 0, averaged over the features that change."""
    centred = values - values.mean(axis=0)
    # Padded with zeros, so that the end does not meet the beginning.
    spectrum = np.fft.rfft(centred, n=2 * len(centred), axis=0)
    products = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[:num_lags]
    is_changing = products[0] > 1e-12 * np.square(values).sum(axis=0)
    if not is_changing.any():
        return np.zeros(len(products))
    mean: Float64[np.ndarray, "lags"] = (products[:, is_changing] / products[0, is_changing]).mean(axis=1)
    return mean
