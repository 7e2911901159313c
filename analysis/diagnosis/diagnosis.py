"""Evidence, suspicions and rules: the parts of which a trial's diagnosis is made."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from failmap.analysis.diagnosis.causes import Cause
from failmap.analysis.diagnosis.course import CourseName
from failmap.analysis.diagnosis.training_curves import TrainingCurves


@dataclass(frozen=True)
class Limit:
    """A number that a rule compared with its threshold, and that was on the far side of it.

    Attributes:
        name: Name of the number; a signal has its name in docs/signals.md.
        value: The number.
        relation: Side of the threshold on which the rule fires.
        threshold: The threshold.
    """

    name: str
    value: float
    relation: Literal["<", ">"]
    threshold: float

    @property
    def holds(self) -> bool:
        """Return whether the number is on the side on which the rule fires; on the threshold counts."""
        return self.value <= self.threshold if self.relation == "<" else self.value >= self.threshold


def above(name: str, value: float, threshold: float) -> Limit:
    """Return the limit of a number that was above its threshold."""
    return Limit(name, value, ">", threshold)


def below(name: str, value: float, threshold: float) -> Limit:
    """Return the limit of a number that was below its threshold."""
    return Limit(name, value, "<", threshold)


@dataclass(frozen=True)
class Evidence:
    """One observation.

    Attributes:
        told: One sentence with its numbers, for people.
        values: The numbers by name; signals have the names of docs/signals.md.
        layer: Layer in which it was observed; None if it concerns the whole network.
        update: Update at which it was observed; None if it concerns the whole training.
        limits: The thresholds that it passed, the decisive one first.
    """

    told: str
    values: Mapping[str, float] = field(default_factory=dict)
    layer: str | None = None
    update: int | None = None
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True)
class Suspicion:
    """A cause that one rule suspects.

    Attributes:
        cause: The suspected cause.
        confidence: 0 to 1, the share of correct verdicts of this rule on the trainings that its thresholds
            were tuned on (docs/diagnosis.md).
        rule: Name of the rule in docs/diagnosis.md.
        evidence: What the rule observed, the most important first.
    """

    cause: Cause
    confidence: float
    rule: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """The diagnosis of one trial.

    Attributes:
        verdict: The most likely suspicion.
        runners_up: The suspicions of other rules, one per cause, the most likely first.
    """

    verdict: Suspicion
    runners_up: tuple[Suspicion, ...] = ()

    @property
    def cause(self) -> Cause:
        """Return the cause of the verdict."""
        return self.verdict.cause

    @property
    def is_healthy(self) -> bool:
        """Return whether nothing looks wrong."""
        return self.cause == "none"

    @property
    def confidence(self) -> float:
        """Return the confidence of the verdict."""
        return self.verdict.confidence


@dataclass(frozen=True)
class Rule:
    """A function that detects one cause.

    Attributes:
        look: The function, which yields its observations, the most important first. The rule has its name.
        cause: The cause that it suspects if it observes anything.
        confidence: Share of its correct verdicts (see `RULES`).
        courses: Courses of a training that it may speak for.
        is_certain: Whether it observes the fault itself rather than its consequences. Without a criterion,
            such rules are also asked about a training that makes progress.
    """

    look: Callable[[TrainingCurves], Iterator[Evidence]]
    cause: Cause
    confidence: float
    courses: frozenset[CourseName]
    is_certain: bool = False

    @property
    def name(self) -> str:
        """Return the name by which docs/diagnosis.md lists the rule."""
        return self.look.__name__

    def suspicion(self, curves: TrainingCurves, course: CourseName) -> Suspicion | None:
        """Return the rule's suspicion, or None if it observes nothing or the course is not one of its own.

        Without a criterion, a training that makes progress is suspected by certain rules only.
        """
        if course not in self.courses:
            return None
        if curves.is_blind and curves.is_getting_somewhere and not self.is_certain:
            return None
        evidence = tuple(self.look(curves))
        return Suspicion(self.cause, self.confidence, self.name, evidence) if evidence else None
