"""How well a tool's findings agree with the labels. Only trainings whose fault took are given in."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.intervals import Rate, Trial, rate
from benchmarks.diagnosis.judge import Finding, Judge
from benchmarks.diagnosis.labelled import Labelled
from failmap.analysis.diagnosis import CAUSES, Cause


@dataclass(frozen=True)
class Judged:
    """What one tool says of one labelled training.

    Attributes:
        case: the training and its label.
        findings: what the tool says, the first first; empty where nothing looks wrong to it.
    """

    case: Case
    findings: tuple[Finding, ...]

    @property
    def is_alarm(self) -> bool:
        """Whether the tool says that anything is wrong."""
        return bool(self.findings)

    @property
    def names_a_cause(self) -> bool:
        """Whether what it says first names a cause, be it the right one or not."""
        return bool(self.findings) and bool(self.findings[0].right_for)

    @property
    def verdict(self) -> str:
        """What the tool says first; 'none' where nothing looks wrong."""
        return self.findings[0].name if self.findings else "none"

    def is_right(self, num_findings: int | None = None) -> bool:
        """Whether one of its first so many findings is right for the label; of all of them where None."""
        return any(self.case.label in finding.right_for for finding in self.findings[:num_findings])


def judge_all(trainings: Iterable[Labelled], judge: Judge) -> list[Judged]:
    """What a tool says of every training."""
    return [Judged(training.case, judge(training.record, training.history)) for training in trainings]


@dataclass(frozen=True)
class Headline:
    """One tool on one half.

    Attributes:
        named: faulty trainings of which it names a cause.
        detected: faulty trainings of which it says that something is wrong.
        top_1: faulty trainings whose cause it names first, and
        top_2: first or second, and
        top_any: anywhere.
        false_alarms: healthy trainings of which it says that something is wrong.
    """

    named: Rate
    detected: Rate
    top_1: Rate
    top_2: Rate
    top_any: Rate
    false_alarms: Rate


def headline(judged: Iterable[Judged]) -> Headline:
    """The figures that a tool is known by."""
    all_judged = list(judged)
    faulty = [one for one in all_judged if not one.case.is_healthy]
    healthy = [one for one in all_judged if one.case.is_healthy]
    return Headline(
        named=share(faulty, lambda one: one.names_a_cause),
        detected=share(faulty, lambda one: one.is_alarm),
        top_1=share(faulty, lambda one: one.is_right(1)),
        top_2=share(faulty, lambda one: one.is_right(2)),
        top_any=share(faulty, lambda one: one.is_right()),
        false_alarms=share(healthy, lambda one: one.is_alarm),
    )


def share(judged: Iterable[Judged], is_hit: Callable[[Judged], bool]) -> Rate:
    """Of how many a statement holds, with both intervals."""
    return rate(Trial(one.case.family, is_hit(one)) for one in judged)


@dataclass(frozen=True)
class CauseScore:
    """How well one cause is found.

    Attributes:
        recall: trainings with this label that it is named first for, and
        recall_top_2: first or second.
        precision: trainings that it is named first for which have this label; healthy ones count as wrong.
    """

    recall: Rate
    recall_top_2: Rate
    precision: Rate


def by_cause(judged: Sequence[Judged]) -> dict[Cause, CauseScore]:
    """For every cause that is a label or a verdict, in the order of `CAUSES`."""
    scores: dict[Cause, CauseScore] = {}
    for cause in CAUSES:
        labelled = [one for one in judged if one.case.label == cause]
        named = [one for one in judged if one.verdict == cause]
        if cause in ("none", "unknown") or not (labelled or named):
            continue
        scores[cause] = CauseScore(
            recall=share(labelled, lambda one: one.is_right(1)),
            recall_top_2=share(labelled, lambda one: one.is_right(2)),
            precision=share(named, lambda one: one.is_right(1)),
        )
    return scores


def grouped(judged: Iterable[Judged], key: Callable[[Case], str]) -> dict[str, list[Judged]]:
    """Trainings by something about their case, sorted by it."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(key(one.case), []).append(one)
    return dict(sorted(groups.items()))


def kind_of_fault(case: Case) -> str:
    """Where the fault was planted."""
    return "configuration" if case.fault is None else "code"


def confusion(judged: Iterable[Judged]) -> Mapping[tuple[str, str], int]:
    """How many trainings with a label got a verdict: counts by (label, verdict)."""
    return Counter((one.case.label, one.verdict) for one in judged)
