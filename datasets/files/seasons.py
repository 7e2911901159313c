"""The season of a series, found by its autocorrelation."""

import numpy as np
from jaxtyping import Float64, Int64

#: Steps that are looked at, from the latest back.
_MAX_STEPS = 20_000
#: A season must be seen so many times.
_NUM_CYCLES = 3
#: The least autocorrelation at the season, and the least rise to it from the trough before it.
_LEAST_PEAK, _LEAST_RISE = 0.3, 0.3
_NEARLY_HIGHEST = 0.9
#: Standard errors that the autocorrelation of changes must have there: a random walk has waves, too, but its
#: changes have none. They are taken over a quarter of the season, by which noise weighs least.
_NUM_ERRORS, _CHANGE_SHARE = 3.0, 0.25


def season_of(values: Float64[np.ndarray, "steps features"]) -> int:
    """Return the steps of the strongest season that series share, or 0 if there is none.

    It is the highest peak of the autocorrelation without a linear trend, averaged over the features; of peaks
    that are about as high, the first, since a multiple of a season repeats, too.

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
    lags = np.arange(1, len(levels) - 1)
    is_peak = (levels[lags] >= levels[lags - 1]) & (levels[lags] > levels[lags + 1])
    trough = np.minimum.accumulate(levels)[lags]
    is_peak &= (levels[lags] >= _LEAST_PEAK) & (levels[lags] - trough >= _LEAST_RISE)
    peaks = lags[is_peak]
    if not len(peaks):
        return 0
    first = int(peaks[levels[peaks] >= _NEARLY_HIGHEST * levels[peaks].max()][0])
    # Noise makes small peaks on the way to a wide one.
    season = first + int(levels[first : first + first // 3 + 1].argmax())
    return season if _changes_repeat(values, season) else 0


def _changes_repeat(values: Float64[np.ndarray, "steps features"], season: int) -> bool:
    """Return whether changes are correlated with those one season before, which those of a walk are not."""
    span = max(1, round(_CHANGE_SHARE * season))
    changes = _autocorrelation(values[span:] - values[:-span], season + 1)
    return bool(changes[season] >= _NUM_ERRORS * np.sqrt(span / len(values)))


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
    # Of fewer products at longer lags.
    weights = len(centred) / (len(centred) - np.arange(len(products)))
    mean: Float64[np.ndarray, "lags"] = (products[:, is_changing] / products[0, is_changing]).mean(axis=1)
    return mean * weights
