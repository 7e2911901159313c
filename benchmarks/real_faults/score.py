"""Count which faults were found, and which repaired twins raised no alarm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.diagnosis.intervals import Rate, Trial, rate
from benchmarks.diagnosis.judge import Finding
from benchmarks.real_faults.case import Case


@dataclass(frozen=True)
class Verdict:
    """What the watcher made of one training.

    Attributes:
        causes: Suspected causes, the first one first; none if nothing looked wrong.
        evidence: The first one's evidence.
        score: The training's final score.
        seconds: How long the training took.
        others: Findings of published tools on the same signals, by the tool's name.
        error: With which the training ended; '' if it ended well.
    """

    causes: tuple[str, ...]
    evidence: str
    score: float
    seconds: float
    others: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    error: str = ""

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
        """Return whether the faulty script failed and its twin learned; a crash counts, as a miss."""
        if self.faulty.error or self.repaired.error:
            return True
        return not self.faulty.score >= self.case.solved and self.repaired.score >= self.case.solved

    def is_right(self, first: int) -> bool:
        """Return whether a right cause is among the `first` ones."""
        return any(cause in self.case.causes for cause in self.faulty.causes[:first])


#: What is counted, in the order of the page.
MEASURES: dict[str, Callable[[Outcome], bool]] = {
    "fault found": lambda one: one.faulty.is_alarm,
    "right cause first": lambda one: one.is_right(1),
    "right cause among the first two": lambda one: one.is_right(2),
    "silent twins": lambda one: not (one.repaired.is_alarm or one.repaired.error),
}


def sums(outcomes: Sequence[Outcome]) -> dict[str, Rate]:
    """Return each measure over the valid cases; families are the cases' first causes."""
    return {name: _rate(outcomes, is_hit) for name, is_hit in MEASURES.items()}


def sums_of_other(outcomes: Sequence[Outcome], tool: str) -> dict[str, Rate]:
    """Return the same measures of a published tool; a rule is right for each cause that it may mean."""
    return {
        "fault found": _rate(outcomes, lambda one: bool(one.faulty.others.get(tool))),
        "right cause first": _rate(outcomes, lambda one: _is_right(one, tool, 1)),
        "right cause among the first two": _rate(outcomes, lambda one: _is_right(one, tool, 2)),
        "silent twins": _rate(
            outcomes, lambda one: not (one.repaired.others.get(tool) or one.repaired.error)
        ),
    }


def _is_right(one: Outcome, tool: str, first: int) -> bool:
    findings = one.faulty.others.get(tool, ())[:first]
    return any(finding.right_for & set(one.case.causes) for finding in findings)


def _rate(outcomes: Sequence[Outcome], is_hit: Callable[[Outcome], bool]) -> Rate:
    return rate(Trial(one.case.causes[0], is_hit(one)) for one in outcomes if one.is_valid)
