"""What a curve shows up to each of its evaluations."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

#: Columns of what `features` returns.
NUM_FEATURES = 14
#: Evaluations of a short and of a long look back.
_FEW, _SEVERAL = 3, 5
#: Losses below this are as good as none.
_LEAST_LOSS = 1e-9
#: Takes the place of a loss that was not finite.
_WORST_LOSS = 1e9


def features(
    scores: Sequence[float], losses: Sequence[float | None], num_evaluations: int
) -> Float[np.ndarray, "evaluations features"]:
    """Return a row for each evaluation, from what the curve showed up to it.

    Level, best, trend and scatter of the score and of the log of the training loss, over the last few
    evaluations and over all, and the share of the updates that is spent. Nothing that comes later, nothing
    of other trials and no setting is looked at.

    Args:
        scores: Score at each evaluation so far.
        losses: Mean training loss since the evaluation before; None if it was not finite.
        num_evaluations: Number of evaluations that the updates allow.
    """
    score = np.array(scores, dtype=float)
    filled = [_WORST_LOSS if loss is None else loss for loss in losses]
    loss = np.log(np.clip(np.array(filled, dtype=float), _LEAST_LOSS, _WORST_LOSS))
    spent = np.arange(1, len(score) + 1) / num_evaluations
    return np.stack(
        [
            spent,
            score,
            np.maximum.accumulate(score),
            _mean(score, _FEW),
            _slope(score, _SEVERAL),
            _slope(score, len(score)),
            _deviation(score, _SEVERAL),
            loss,
            np.minimum.accumulate(loss) - loss[0],
            _mean(loss, _FEW),
            loss - _mean(loss, _SEVERAL),
            _slope(loss, _SEVERAL),
            _slope(loss, len(loss)),
            _deviation(loss, _SEVERAL),
        ],
        axis=1,
    )


def _windows(values: Float[np.ndarray, " evaluations"], size: int) -> list[Float[np.ndarray, " _"]]:
    """Return the last values up to each evaluation, fewer at the start."""
    return [values[max(0, end - size) : end] for end in range(1, len(values) + 1)]


def _mean(values: Float[np.ndarray, " evaluations"], size: int) -> Float[np.ndarray, " evaluations"]:
    return np.array([window.mean() for window in _windows(values, size)])


def _deviation(values: Float[np.ndarray, " evaluations"], size: int) -> Float[np.ndarray, " evaluations"]:
    return np.array([window.std() for window in _windows(values, size)])


def _slope(values: Float[np.ndarray, " evaluations"], size: int) -> Float[np.ndarray, " evaluations"]:
    """Return the slope of the least-squares line through the last values; 0 through one."""
    slopes = np.zeros(len(values))
    for index, window in enumerate(_windows(values, size)):
        steps = np.arange(len(window)) - (len(window) - 1) / 2
        if len(window) > 1:
            slopes[index] = steps @ window / (steps @ steps)
    return slopes
