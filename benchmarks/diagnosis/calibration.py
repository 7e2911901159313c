"""The confidence of verdicts: set on some trainings, tested on others."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from benchmarks.diagnosis.case import Half
from benchmarks.diagnosis.intervals import Rate, Trial, rate
from benchmarks.diagnosis.labelled import Labelled, is_rising
from benchmarks.diagnosis.on_the_way import cut
from benchmarks.diagnosis.recorded import read_recorded
from failmap.analysis.diagnosis import diagnose
from failmap.analysis.diagnosis.rules import RULES
from failmap.run_folder.records import Evaluation

#: Trainings on which confidence is calibrated; it is tested on those that nobody has read.
CALIBRATED_ON: tuple[Half, ...] = ("tuning", "unseen", "third")
#: Share of right verdicts when an unseen half was first read, before rules were changed for it: 138 of 167.
PRIOR_SHARE = 0.83
#: Number of imagined verdicts with this share that the confidence of every rule starts from.
PRIOR_WEIGHT = 8
#: Confidence of a rule that has not decided about any training.
UNTESTED = 0.5
#: Share of its evaluations after which a healthy training is cut, which makes it one that is still rising.
CUT_AT = 0.7
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
        """Return the share that is right, drawn towards PRIOR_SHARE, to two digits; 0.5 without a verdict.

        This is the mean of a beta distribution. Thresholds were set on the same trainings, so that the bare
        share flatters the rule; with few verdicts it is also uncertain.
        """
        if not self.all:
            return UNTESTED
        return round((self.right + PRIOR_WEIGHT * PRIOR_SHARE) / (self.all + PRIOR_WEIGHT), 2)


def calibration_set() -> list[Labelled]:
    """Return the faulty trainings of both halves, and healthy ones that are cut while they rise.

    Few cases of the halves end while they still learn, which is the most frequent failure of a map's edge.
    The healthy trainings would have learned within 1 / CUT_AT times the updates.
    """
    trainings = [training for half in CALIBRATED_ON for training in read_recorded(half) if training.took]
    faulty = [training for training in trainings if not training.case.is_healthy]
    return faulty + [cut_short(one) for one in trainings if one.case.is_healthy and is_rising(_begin(one))]


def cut_short(training: Labelled) -> Labelled:
    """Return a healthy training as it would have ended with CUT_AT of its updates: failed, too slow."""
    record, history = cut(training, CUT_AT)
    assert record.summary is not None, f"{training.case.name} has ended"
    failed = replace(record, ended=training.record.ended, summary=replace(record.summary, outcome="failed"))
    return Labelled(replace(training.case, label="too_slow"), failed, history, took=True)


def _begin(training: Labelled) -> Sequence[Evaluation]:
    return cut(training, CUT_AT)[1]


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
