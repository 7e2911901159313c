"""What a verdict on one trial says, and on what it rests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from failmap.analysis.diagnosis.causes import Cause


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
