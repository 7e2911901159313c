"""The learning-rate range test: one short training in which the rate grows until the loss diverges.

Smith (2017), "Cyclical learning rates for training neural networks", with the exponential growth and the
smoothed loss of fast.ai's `lr_find`.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from failmap.search.trial.config import TrialConfig
from failmap.search.trial.training import Training

#: Weight of past losses in the smoothed loss.
SMOOTHING = 0.9
#: A smoothed loss above the first and this many times the least has diverged (fast.ai).
DIVERGED_TIMES = 4.0
#: Updates at the lowest rates, which give the initial loss: a share of all, and a minimum.
START_SHARE, MIN_STARTS = 0.1, 5
#: Least fall that counts, relative to the initial loss; it must also exceed the noise of single batches.
MIN_FALL = 0.01
#: Shares of the whole fall at which the suggested interval begins and ends.
FIRST_SHARE, LAST_SHARE = 0.1, 0.9


@dataclass(frozen=True)
class RangeTest:
    """Result of a range test.

    Attributes:
        rates: Learning rate of each update, growing by a constant factor.
        losses: Training loss of each update, before its step.
        smoothed: Bias-corrected exponential average of the losses, up to the first that is not finite.
        diverged_at: Rate at which the loss diverged; None if it never did.
        steepest: Rate at which the smoothed loss fell fastest; None if it never fell.
        suggested: Rates at which a tenth and nine tenths of the fall were reached; None if it never fell.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged_at: float | None
    steepest: float | None = None
    suggested: tuple[float, float] | None = None

    @property
    def conclusion(self) -> str:
        """Summary of the result in one line."""
        end = "" if self.diverged_at is None else f"; it diverges at {self.diverged_at:.2g}"
        if self.suggested is None:
            return f"the loss falls at no learning rate from {self.rates[0]:.2g} up{end}; no suggestion"
        low, high = self.suggested
        return f"the loss falls fastest at the rate {self.steepest:.2g}; try {low:.2g} to {high:.2g}{end}"


def range_test(
    config: TrialConfig,
    device: torch.device,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    num_updates: int = 150,
) -> RangeTest:
    """Train with a trial's own seed, optimizer, clipping and batches at growing learning rates.

    The test ends early if the loss diverges. It synchronises at every loss, so it is slower than a training.

    Args:
        config: The trial.
        device: The device that trains.
        low, high: First and last learning rate.
        num_updates: Number of updates, one for each rate.

    Raises:
        PrecisionError: The device does not support `train.precision`.
    """
    assert 0 < low < high, (low, high)
    assert num_updates >= 2, num_updates
    # Curricula and teacher forcing depend on the share of the budget, which is that of this test.
    train = config.train.model_copy(update={"max_updates": num_updates})
    training = Training(config.model_copy(update={"train": train}), device)
    training.begin_interval(0)
    growth = (high / low) ** (1 / (num_updates - 1))
    rates: list[float] = []
    losses: list[float] = []
    for update in range(num_updates):
        rates.append(low * growth**update)
        losses.append(training.update(update, rate=rates[-1]).item())
        if has_diverged(smooth(losses), losses):
            break
    return read_range(rates, losses)


def read_range(rates: Sequence[float], losses: Sequence[float]) -> RangeTest:
    """Interpret the losses at growing rates."""
    smoothed = smooth(losses)
    diverged_at = rates[-1] if has_diverged(smoothed, losses) else None
    test = RangeTest(tuple(rates), tuple(losses), tuple(smoothed), diverged_at)
    num_first = max(MIN_STARTS, math.ceil(START_SHARE * len(losses)))
    if len(smoothed) <= num_first:
        return test
    start = statistics.fmean(losses[:num_first])
    # Consecutive losses differ by noise alone, whatever the trend.
    noise = statistics.pstdev(later - earlier for earlier, later in pairwise(losses[:num_first]))
    lowest = min(range(num_first, len(smoothed)), key=smoothed.__getitem__)
    fall = start - smoothed[lowest]
    if fall <= max(noise, MIN_FALL * abs(start)):
        return test

    def first_below(share: float) -> int:
        """Return the first index from which on this share of the fall is kept until the lowest loss."""
        level = start - share * fall
        return max((index + 1 for index in range(lowest) if smoothed[index] > level), default=0)

    first, last = first_below(FIRST_SHARE), first_below(LAST_SHARE)
    fallen = range(max(first, 1), max(last, 1) + 1)
    steepest = min(fallen, key=lambda index: smoothed[index] - smoothed[index - 1])
    return replace(test, steepest=rates[steepest], suggested=(rates[first], rates[last]))


def smooth(losses: Sequence[float]) -> list[float]:
    """Return the bias-corrected exponential average of losses, up to the first that is not finite."""
    smoothed: list[float] = []
    mean = 0.0
    for count, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            break
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smoothed.append(mean / (1 - SMOOTHING**count))
    return smoothed


def has_diverged(smoothed: Sequence[float], losses: Sequence[float]) -> bool:
    """Return whether the last loss is not finite, or too high to recover."""
    if len(smoothed) < len(losses):
        return True
    least = min(smoothed)
    return smoothed[-1] > smoothed[0] and smoothed[-1] - least > (DIVERGED_TIMES - 1) * abs(least)
