"""How likely a guess that knows nothing of the input meets a criterion on one validation set.

Such a guess is a constant, or varies without regard to the targets. Chance is the best constant on the
validation set itself, so no constant passes a criterion above it; what is left is a guess that varies and is
right by luck. These are its probabilities at one evaluation. Several evaluations are bounded by their sum,
since a training's evaluations depend on each other.
"""

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64
from scipy import special

from failmap.datasets.chance import TOLERATED_LUCK, divergence
from failmap.datasets.config.base import ClassMetric

#: Sizes of a guess that are tried at most.
_MAX_SIZES = 512
#: Pairs of a class with the others up to which the tail of their ranks is exact.
_MAX_PAIRS = 2000
#: Rounding of a target.
_ROUNDING = 1e-9


class NumberLuck:
    """Luck with squared errors.

    A guess f with the skill R^2 has a correlation of at least R with the targets y, because the best shift
    and scale of f only lower its error. If f and y are independent and y is normal, then r^2 has the
    distribution Beta(1/2, (n-2)/2), and half of it lies above 0. Targets with heavy tails, of which a few
    decide the error, count as fewer by 3/kurtosis.

    Args:
        num_independent: Targets that do not share a step with another one.
        kurtosis: Of the targets, 3 if they are normal.

    Attributes:
        size: What the targets count as.
    """

    def __init__(self, num_independent: int, kurtosis: float = 3.0) -> None:
        self.num_independent = num_independent
        self.size = num_independent * min(1.0, 3.0 / kurtosis)

    def probability(self, skill: float) -> float:
        """Return the probability of a score of at least `skill`."""
        if self.size <= 2:
            return 0.5
        return 0.5 * float(special.betaincc(0.5, (self.size - 2) / 2, skill))


class ClassLuck:
    """Luck with classes: the guess of each sequence is any class, in any order that knows no label.

    - Two classes: exact for accuracy, balanced accuracy and F1. A guess that gives the first class to j of n
      sequences hits a hypergeometric number of its labels, and all three metrics rise with it. The luckiest
      j counts. With 20 rare labels of 400, say, an accuracy of 0.98 asks for 12 more hits than misses among
      those guessed as rare: 1e-16, though a binomial share of 0.95 would reach 0.98 once in 300 times.
    - More classes, accuracy: the same with the most frequent class against all others, every one of which is
      granted; or Chernoff's bound P <= exp(-n KL(accuracy || share of the most frequent class)) if less.
    - More classes, balanced accuracy and F1: Chernoff's bound, with each right guess weighted by one over the
      size of its class. The rarest class has the heaviest tail and stands for all. F1 weighs so, too, where a
      class is guessed as often as it is there, which is best for a blind guess.
    - AUROC: a mean over classes reaches the target only if one of them does, so the tails of all are added.
      Each is that of the Mann-Whitney statistic without ties: exact, or normal where there are many pairs.

    Args:
        metric: The metric.
        counts: Sequences of each class that the validation set has.
    """

    def __init__(self, metric: ClassMetric, counts: list[int]) -> None:
        self.metric, self.counts = metric, sorted(counts)
        self.size = sum(counts)
        self.chance = blind_class_metric(metric, counts)

    def probability(self, skill: float) -> float:
        """Return the probability of a score of at least `skill`."""
        target = self.chance + skill * (1 - self.chance)
        if len(self.counts) < 2:
            return 1.0
        if self.metric == "auroc":
            return self._of_ranks(target)
        if len(self.counts) == 2:
            return self._of_two_classes(target)
        if self.metric == "accuracy":
            return min(self._of_two_classes(target), self._chernoff(target, self.counts[-1] / self.size))
        rarest = self.counts[0] / self.size
        return self._chernoff(target * len(self.counts) * rarest, rarest)

    def _of_two_classes(self, target: float) -> float:
        """Return the probability of the luckiest size of a guess."""
        sizes, tails = self._tails
        num_frequent = self.counts[-1]
        num_rare = self.size - num_frequent
        # Least hits at which the metric, which is linear in them, is reached.
        match self.metric:
            case "accuracy":
                hits = (target * self.size - num_frequent + sizes) / 2
            case "balanced_accuracy":
                hits = (2 * target - 1 + sizes / num_frequent) / (1 / num_rare + 1 / num_frequent)
            case _:
                of_rare, of_frequent = num_rare + sizes, num_frequent + self.size - sizes
                missing = target - (num_frequent - sizes) / of_frequent
                hits = missing / (1 / of_rare + 1 / of_frequent)
        needed = np.ceil(hits - _ROUNDING).astype(np.int64).clip(0, num_rare + 1)
        return float(tails[np.arange(len(sizes)), needed].max())

    @cached_property
    def _tails(self) -> tuple[Int64[np.ndarray, "sizes"], Float64[np.ndarray, "sizes hits"]]:
        """Return sizes of a guess, and for each the probability of at least so many hits."""
        num_frequent = self.counts[-1]
        num_rare = self.size - num_frequent
        sizes = np.unique(np.linspace(0, self.size, min(self.size + 1, _MAX_SIZES)).round().astype(np.int64))
        hits = np.arange(num_rare + 2)
        misses = sizes[:, None] - hits
        is_possible = (hits <= num_rare) & (misses >= 0) & (misses <= num_frequent)
        ways = _log_choose(num_rare, np.minimum(hits, num_rare)) + _log_choose(
            num_frequent, misses.clip(0, num_frequent)
        )
        logs = np.where(is_possible, ways - _log_choose(self.size, sizes)[:, None], -np.inf)
        return sizes, np.exp(logs)[:, ::-1].cumsum(axis=1)[:, ::-1]

    def _chernoff(self, share: float, blind_share: float) -> float:
        """Return a bound of the probability that a binomial share is at least this large."""
        if share <= blind_share:
            return 1.0
        return math.exp(-self.size * divergence(min(1.0, share), blind_share))

    def _of_ranks(self, target: float) -> float:
        # Of two classes, both have the same area.
        counts = self.counts[:1] if len(self.counts) == 2 else self.counts
        return min(1.0, sum(area_tail(count, self.size - count, target) for count in counts))


def area_tail(num_rare: int, num_others: int, area: float) -> float:
    """Return the probability of at least this area under the ROC of scores that know nothing.

    The ways to each number of wrong pairs are the coefficients of a Gaussian binomial, the product of
    (1 - q^(n+i)) / (1 - q^i) over i = 1 .. m (Mann and Whitney 1947).
    """
    num_rare, num_others = sorted((num_rare, num_others))
    num_pairs = num_rare * num_others
    if num_pairs > _MAX_PAIRS:
        deviation = math.sqrt((num_rare + num_others + 1) / (12 * num_pairs))
        return float(special.ndtr((0.5 - area) / deviation))
    num_wrong = math.floor((1 - area) * num_pairs + _ROUNDING)
    ways = np.zeros(num_wrong + 1)
    ways[0] = 1.0
    for i in range(1, num_rare + 1):
        shift = num_others + i
        if shift <= num_wrong:
            ways[shift:] = ways[shift:] - ways[:-shift]
        for start in range(min(i, num_wrong + 1)):
            ways[start::i] = ways[start::i].cumsum()
    return float(ways.sum() * math.exp(-_log_choose(num_rare + num_others, np.array([num_rare]))[0]))


#: Luck on one validation set.
Luck = NumberLuck | ClassLuck


def blind_class_metric(metric: ClassMetric, counts: list[int]) -> float:
    """Return the best expected metric of a guess that knows nothing but how frequent each class is.

    For accuracy it is the most frequent class. Balanced accuracy is 1 / classes whatever the guess. So is F1
    at best, of a guess that draws classes by their shares: the sum of 2 p q / (p + q) over the classes, with
    labels' shares p and guesses' shares q, is largest at q = p.
    """
    if metric == "accuracy":
        return max(counts) / sum(counts)
    return 0.5 if metric == "auroc" else 1 / len(counts)


def least_safe_skill(luck: Luck, skill: float, largest: float, num_evaluations: int) -> float | None:
    """Return the least skill from `skill` to `largest` that luck meets too seldom, or None.

    Args:
        luck: Luck on the validation set.
        skill: The criterion that is wanted.
        largest: No criterion may be above it.
        num_evaluations: Evaluations of one trial.
    """

    def is_safe(skill: float) -> bool:
        return num_evaluations * luck.probability(skill) <= TOLERATED_LUCK

    if is_safe(skill):
        return skill
    return _least(is_safe, skill, largest) if is_safe(largest) else None


def _least(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the least number at which something begins to hold, which it does at `high`."""
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _log_choose(num_items: int, num_chosen: Int64[np.ndarray, "*sizes"]) -> Float64[np.ndarray, "*sizes"]:
    logs: Float64[np.ndarray, "*sizes"] = -special.betaln(
        num_items - num_chosen + 1.0, num_chosen + 1.0
    ) - math.log(num_items + 1)
    return logs
