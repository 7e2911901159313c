"""What a rule is: a look at a training, and what it means where something is seen."""

from collections.abc import Callable
from dataclasses import dataclass

from failmap.analysis.diagnosis.causes import Cause
from failmap.analysis.diagnosis.course import Course
from failmap.analysis.diagnosis.diagnosis import Evidence, Suspicion

#: Looks at a training and tells what it saw, the weightiest first; nothing where it fits.
Look = Callable[[Course], tuple[Evidence, ...]]


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

    def suspicion(self, course: Course) -> Suspicion | None:
        """What it says of a training; None where it sees nothing.

        Without a criterion, only what is certain is said of a training that is getting somewhere.
        """
        if course.is_blind and course.is_getting_somewhere and not self.is_certain:
            return None
        evidence = self.look(course)
        return Suspicion(self.cause, self.confidence, self.name, evidence) if evidence else None
