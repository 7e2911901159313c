"""What a verdict on one trial says, and on what it rests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from failmap.analysis.diagnosis.causes import Cause
from failmap.analysis.diagnosis.training_curves import TrainingCurves


@dataclass(frozen=True)
class Evidence:
    """One observation.

    Attributes:
        told: one sentence with its numbers, for people.
        values: the numbers by name; a signal's where it is one (docs/signals.md).
        layer: where it was seen; None where it is about the whole network.
        update: when; None where it is about the whole training.
    """

    told: str
    values: Mapping[str, float] = field(default_factory=dict)
    layer: str | None = None
    update: int | None = None


@dataclass(frozen=True)
class Suspicion:
    """What one rule says.

    Attributes:
        cause: what it names.
        confidence: 0 to 1: how often such a verdict of this rule was right on the trainings that its
            thresholds were set on (docs/diagnosis.md).
        rule: its name there.
        evidence: what it saw, the weightiest first.
    """

    cause: Cause
    confidence: float
    rule: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """The verdict on one trial: the likeliest suspicion, and the others.

    Attributes:
        verdict: what counts.
        runners_up: other rules that fired, the likeliest first, one a cause.
    """

    verdict: Suspicion
    runners_up: tuple[Suspicion, ...] = ()

    @property
    def cause(self) -> Cause:
        """The verdict's."""
        return self.verdict.cause

    @property
    def confidence(self) -> float:
        """The verdict's."""
        return self.verdict.confidence


#: Looks at a training and tells what it saw, the weightiest first; nothing where it fits.
Look = Callable[[TrainingCurves], tuple[Evidence, ...]]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        look: the function; its name is the rule's.
        cause: what it names where it sees something.
        confidence: how often its verdicts are right (see `RULES`).
        is_certain: whether it sees the fault itself, and not what follows from it: such rules speak up even
            in a training that is getting somewhere.
    """

    look: Look
    cause: Cause
    confidence: float
    is_certain: bool = False

    @property
    def name(self) -> str:
        """As docs/diagnosis.md lists it."""
        return self.look.__name__

    def suspicion(self, course: TrainingCurves) -> Suspicion | None:
        """What it says of a training; None where it sees nothing.

        Without a criterion, only what is certain is said of a training that is getting somewhere.
        """
        if course.is_blind and course.is_getting_somewhere and not self.is_certain:
            return None
        evidence = self.look(course)
        return Suspicion(self.cause, self.confidence, self.name, evidence) if evidence else None
