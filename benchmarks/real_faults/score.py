"""Count which faults were found, and which repaired twins raised no alarm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.diagnosis.intervals import Rate, Trial, rate
from benchmarks.real_faults.case import Case


@dataclass(frozen=True)
class Verdict:
    """What the watcher made of one training.

    Attributes:
        causes: Suspected causes, the first one first; none if nothing looked wrong.
        evidence: The first one's evidence.
        score: The training's final score.
        seconds: How long the training took.
    """

    causes: tuple[str, ...]
    evidence: str
    score: float
    seconds: float

    @property
    def is_alarm(self) -> bool:
        """Return whether anything looked wrong."""
        return bool(self.causes)


@dataclass(frozen=True)
class Outcome:
    """Both verdicts of a case."""

    name: str
    case: Case
    faulty: Verdict
    repaired: Verdict

    @property
    def is_valid(self) -> bool:
        """Return whether the faulty script failed and its twin learned."""
        return not self.faulty.score >= self.case.solved and self.repaired.score >= self.case.solved

    def is_right(self, first: int) -> bool:
        """Return whether a right cause is among the `first` ones."""
        return any(cause in self.case.causes for cause in self.faulty.causes[:first])


#: What is counted, in the order of the page.
MEASURES: dict[str, Callable[[Outcome], bool]] = {
    "fault found": lambda one: one.faulty.is_alarm,
    "right cause first": lambda one: one.is_right(1),
    "right cause among the first two": lambda one: one.is_right(2),
    "silent twins": lambda one: not one.repaired.is_alarm,
}


def sums(outcomes: Sequence[Outcome]) -> dict[str, Rate]:
    """Return each measure over the valid cases; families are the cases' first causes."""
    valid = [one for one in outcomes if one.is_valid]
    return {
        name: rate(Trial(one.case.causes[0], is_hit(one)) for one in valid)
        for name, is_hit in MEASURES.items()
    }
