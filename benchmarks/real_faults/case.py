"""The contract of a case: one module of `benchmarks.real_faults.read` or `.unread`.

A case is a small plain PyTorch script by us of a public report: its task, sizes and fault, and the published
fix. It has

    CASE = Case(source="Stack Overflow 46620813", fault="...", fix="...", causes=("padding",), solved=0.9)

    def train(watch: Watch, repaired: bool) -> float: ...

`train` seeds torch itself, trains the faulty network, or its repaired twin, and returns its final score: 1 is
perfect, 0 is what blind guessing gets. It calls the watcher as a user's script would, and tells it nothing
else: neither a chance level nor a name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: `failmap.watch`, or a stand-in that watches nothing.
Watch = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """What is known about a report.

    Attributes:
        source: Where it was reported: a repository with the number of its issue, or a site with that of its
            question.
        fault: One line: what is wrong.
        fix: One line: the published fix.
        causes: The right causes of `analysis.diagnosis.causes`; several if each is a true name of the fault.
        solved: Score that the faulty script must stay below, and the repaired twin must reach.
    """

    source: str
    fault: str
    fix: str
    causes: tuple[str, ...]
    solved: float = 0.8


class NoWatch:
    """A stand-in for `failmap.watch` that watches nothing, to try a case by itself."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass

    def step(self, loss: Any, *, inputs: Any = None, outputs: Any = None, targets: Any = None) -> None:
        """Ignore a step."""

    def validate(
        self, loss: Any, *, inputs: Any = None, outputs: Any = None, targets: Any = None, metric: Any = None
    ) -> None:
        """Ignore a validation."""

    def close(self) -> None:
        """Return no verdict."""
