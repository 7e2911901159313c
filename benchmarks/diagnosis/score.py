"""Agreement of a tool's findings with the labels of scored trainings."""

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
    """Findings of a tool about a labelled training.

    Attributes:
        case: case of the training, with its label.
        findings: findings in order; empty if nothing looks wrong.
    """

    case: Case
    findings: tuple[Finding, ...]

    @property
    def is_alarm(self) -> bool:
        """Return whether the tool reports anything."""
        return bool(self.findings)

    @property
    def names_a_cause(self) -> bool:
        """Return whether its first finding names a cause, right or wrong."""
        return bool(self.findings) and bool(self.findings[0].right_for)

    @property
    def verdict(self) -> str:
        """Name of the first finding, or 'none'."""
        return self.findings[0].name if self.findings else "none"

    def is_right(self, num_findings: int | None = None) -> bool:
        """Return whether one of the first findings is right for the label; by default any of them."""
        return any(self.case.label in finding.right_for for finding in self.findings[:num_findings])


def judge_all(trainings: Iterable[Labelled], judge: Judge) -> list[Judged]:
    """Judge all trainings by a tool."""
    return [Judged(training.case, judge(training.record, training.history)) for training in trainings]


@dataclass(frozen=True)
class Headline:
    """Main figures of a tool on one half.

    Attributes:
        named: share of faulty trainings for which it names a cause.
        detected: share of faulty trainings for which it reports anything.
        top_1: share of faulty trainings whose cause is its first finding.
        top_2: share of faulty trainings whose cause is among its first two findings.
        top_any: share of faulty trainings whose cause is among all findings.
        false_alarms: share of healthy trainings for which it reports anything.
    """

    named: Rate
    detected: Rate
    top_1: Rate
    top_2: Rate
    top_any: Rate
    false_alarms: Rate


def headline(judged: Iterable[Judged]) -> Headline:
    """Return the main figures of a tool."""
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
    """Return the share of hits with both intervals."""
    return rate(Trial(one.case.family, is_hit(one)) for one in judged)


@dataclass(frozen=True)
class CauseScore:
    """Recall and precision of a cause.

    Attributes:
        recall: share of the trainings with this label for which it is the first finding.
        recall_top_2: share for which it is among the first two.
        precision: share of the trainings for which it is the first finding that have this label.
    """

    recall: Rate
    recall_top_2: Rate
    precision: Rate


def by_cause(judged: Sequence[Judged]) -> dict[Cause, CauseScore]:
    """Return the scores of every cause that is a label or a verdict, in the order of `CAUSES`."""
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
    """Group trainings by a key of their case, and sort by it."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(key(one.case), []).append(one)
    return dict(sorted(groups.items()))


def kind_of_fault(case: Case) -> str:
    """Return whether the fault is in the configuration or in code."""
    return "configuration" if case.fault is None else "code"


def confusion(judged: Iterable[Judged]) -> Mapping[tuple[str, str], int]:
    """Count trainings by (label, verdict)."""
    return Counter((one.case.label, one.verdict) for one in judged)
