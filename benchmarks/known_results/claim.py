"""Known results with their source, and the comparison with ours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from failmap.run_folder.records import Evaluation, Outcome
from failmap.search.trial.config import TrialConfig


@dataclass(frozen=True)
class Result:
    """Result of one training.

    Attributes:
        outcome: learned, or failed within its budget.
        updates: number of updates until then.
        metric: metric on the validation set at the last evaluation.
        evaluations: all evaluations.
    """

    outcome: Outcome
    updates: int
    metric: float
    evaluations: list[Evaluation]

    @property
    def has_learned(self) -> bool:
        """Return whether the criterion was met."""
        return self.outcome == "learned"


@dataclass(frozen=True)
class Verdict:
    """Description of our result, and whether it is as expected."""

    found: str
    passed: bool


Arms = Mapping[str, Sequence[Result]]


@dataclass(frozen=True)
class Claim:
    """A known result.

    Attributes:
        topic: short name.
        statement: the known result.
        source: a paper, a closed form, or another program.
        expected: description of the value and its tolerance.
        judge: returns the verdict from the results of each arm; there are no arms if nothing is trained.
        arms: trainings to compare, by name, with paired seeds in the same order.
    """

    topic: str
    statement: str
    source: str
    expected: str
    judge: Callable[[Arms], Verdict]
    arms: Mapping[str, Sequence[TrialConfig]] = field(default_factory=dict)


def seeds(count: int, **values: Any) -> list[TrialConfig]:
    """Return the same trial with seeds 0 to count - 1. `values` are the groups of its configuration."""
    return [TrialConfig.model_validate({**values, "seed": seed}) for seed in range(count)]


def learned_counts(arms: Arms) -> str:
    """Return text such as 'T=3: 4 of 4; T=4: 0 of 4'."""
    return "; ".join(
        f"{name}: {sum(result.has_learned for result in results)} of {len(results)}"
        for name, results in arms.items()
    )


def expects_counts(**expected: int) -> Callable[[Arms], Verdict]:
    """Return a judge that expects exactly this many trainings of each arm to learn."""

    def judge(arms: Arms) -> Verdict:
        counts = {name: sum(result.has_learned for result in results) for name, results in arms.items()}
        return Verdict(learned_counts(arms), counts == expected)

    return judge
