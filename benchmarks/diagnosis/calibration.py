"""The confidence of verdicts: set on some trainings, tested on others."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.diagnosis.case import Half
from benchmarks.diagnosis.intervals import Rate, Trial, rate
from benchmarks.diagnosis.labelled import Labelled
from failmap.analysis.diagnosis import diagnose
from failmap.analysis.diagnosis.rules import RULES

#: Halves on which confidence is calibrated; it is tested on the third set.
CALIBRATED_ON: tuple[Half, ...] = ("tuning", "unseen")
#: Share of right verdicts when an unseen half was first read, before rules were changed for it: 138 of 167.
PRIOR_SHARE = 0.83
#: Number of imagined verdicts with this share that the confidence of every rule starts from.
PRIOR_WEIGHT = 8
#: Borders of the bins of the reliability table.
BORDERS = (0.0, 0.7, 0.8, 0.85, 0.9, 0.95, 1.01)


@dataclass(frozen=True)
class RuleCount:
    """The verdicts of one rule on faulty trainings.

    Attributes:
        right, all: Number of right verdicts, and of all.
    """

    right: int
    all: int

    @property
    def confidence(self) -> float:
        """Return the share that is right, drawn towards PRIOR_SHARE, to two digits.

        This is the mean of a beta distribution. Thresholds were set on the same trainings, so that the bare
        share flatters the rule; with few verdicts it is also uncertain.
        """
        return round((self.right + PRIOR_WEIGHT * PRIOR_SHARE) / (self.all + PRIOR_WEIGHT), 2)


def count_by_rule(trainings: Iterable[Labelled]) -> dict[str, RuleCount]:
    """Return the verdicts of each rule on the scored faulty trainings, by its name, in the rules' order."""
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for training in _faulty(trainings):
        diagnosis = diagnose(training.record, training.history)
        assert diagnosis is not None, "trainings of the benchmark end as learned or failed"
        total[diagnosis.verdict.rule] += 1
        right[diagnosis.verdict.rule] += diagnosis.cause == training.case.label
    return {rule.name: RuleCount(right[rule.name], total[rule.name]) for rule in RULES}


@dataclass(frozen=True)
class Bin:
    """Verdicts of about one confidence.

    Attributes:
        low, high: Borders of the confidence; the upper one is not included.
        mean: Mean confidence.
        right: Share of the verdicts that are right.
    """

    low: float
    high: float
    mean: float
    right: Rate


def reliability(trainings: Iterable[Labelled]) -> list[Bin]:
    """Return how often verdicts on scored faulty trainings are right, by their confidence."""
    judged: list[tuple[float, Trial]] = []
    for training in _faulty(trainings):
        diagnosis = diagnose(training.record, training.history)
        assert diagnosis is not None, "trainings of the benchmark end as learned or failed"
        hit = Trial(training.case.family, diagnosis.cause == training.case.label)
        judged.append((diagnosis.confidence, hit))
    return [
        Bin(low, high, _mean([confidence for confidence, _ in inside]), rate(hit for _, hit in inside))
        for low, high in pairwise(BORDERS)
        if (inside := [one for one in judged if low <= one[0] < high])
    ]


def _faulty(trainings: Iterable[Labelled]) -> list[Labelled]:
    return [one for one in trainings if one.took and not one.case.is_healthy]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
