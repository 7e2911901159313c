"""The learning-rate range test: one short training in which the rate grows until the loss explodes.

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

#: Weight of the past in the smoothed loss.
SMOOTHING = 0.9
#: A smoothed loss of so many times the least one before, and above the first, has diverged (fast.ai).
DIVERGED_TIMES = 4.0
#: Updates at the lowest rates, which show the loss before it falls: a share of all, and at least so many.
START_SHARE, LEAST_STARTS = 0.1, 5
#: A fall counts from this share of the first loss on, and above the noise of single batches.
LEAST_FALL = 0.01
#: The suggested interval reaches from the first of these shares of the whole fall to the second.
FIRST_SHARE, LAST_SHARE = 0.1, 0.9


@dataclass(frozen=True)
class RangeTest:
    """How the loss went while the learning rate grew.

    Attributes:
        rates: the learning rate of each update, growing by a constant factor.
        losses: the training loss of each update, before its step.
        smoothed: the same, smoothed exponentially without bias; ends where it is not finite.
        diverged_at: the rate at which the loss exploded or was not finite any more; None if it never did.
        steepest: the rate at which the smoothed loss fell fastest; None if it never fell.
        suggested: rates from where a tenth of the fall is done to where nine tenths are; None likewise.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged_at: float | None
    steepest: float | None = None
    suggested: tuple[float, float] | None = None

    @property
    def conclusion(self) -> str:
        """What the test found, in one line."""
        end = "" if self.diverged_at is None else f"; it explodes at {self.diverged_at:.2g}"
        if self.suggested is None:
            return f"the loss falls at no learning rate from {self.rates[0]:.2g} on{end}: nothing to suggest"
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
    """Trains from a trial's own seed with its optimizer, clipping and batches at rates from low to high.

    It ends early where the loss explodes, and looks at each loss, so it is slower than a training.

    Raises:
        PrecisionError: the device cannot compute as `train.precision` says.
    """
    assert 0 < low < high, (low, high)
    assert num_updates >= 2, num_updates
    # Curricula and teachers go by the share of the budget: this training has no other.
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
    """What the losses at growing rates say."""
    smoothed = smooth(losses)
    diverged_at = rates[-1] if has_diverged(smoothed, losses) else None
    test = RangeTest(tuple(rates), tuple(losses), tuple(smoothed), diverged_at)
    num_first = max(LEAST_STARTS, math.ceil(START_SHARE * len(losses)))
    if len(smoothed) <= num_first:
        return test
    start = statistics.fmean(losses[:num_first])
    # Neighbours differ by noise alone, whatever the trend.
    noise = statistics.pstdev(later - earlier for earlier, later in pairwise(losses[:num_first]))
    lowest = min(range(num_first, len(smoothed)), key=smoothed.__getitem__)
    fall = start - smoothed[lowest]
    if fall <= max(noise, LEAST_FALL * abs(start)):
        return test

    def where_done(share: float) -> int:
        """From where until the lowest loss at least this share of the fall is done."""
        level = start - share * fall
        return max((index + 1 for index in range(lowest) if smoothed[index] > level), default=0)

    first, last = where_done(FIRST_SHARE), where_done(LAST_SHARE)
    slopes = {
        index: smoothed[index] - smoothed[index - 1] for index in range(max(first, 1), max(last, 1) + 1)
    }
    steepest = min(slopes, key=slopes.__getitem__)
    return replace(test, steepest=rates[steepest], suggested=(rates[first], rates[last]))


def smooth(losses: Sequence[float]) -> list[float]:
    """The exponential mean of the losses so far, without bias; ends before the first that is not finite."""
    smoothed: list[float] = []
    mean = 0.0
    for count, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            break
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smoothed.append(mean / (1 - SMOOTHING**count))
    return smoothed


def has_diverged(smoothed: Sequence[float], losses: Sequence[float]) -> bool:
    """Whether the last loss is not finite, or so high that the training is lost."""
    if len(smoothed) < len(losses):
        return True
    least = min(smoothed)
    return smoothed[-1] > smoothed[0] and smoothed[-1] - least > (DIVERGED_TIMES - 1) * abs(least)
