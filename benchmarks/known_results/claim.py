"""One known result: what is expected, from which source, and how ours is judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from failmap.run_folder.records import Evaluation, Outcome
from failmap.search.trial.config import TrialConfig


@dataclass(frozen=True)
class Result:
    """One training as it ended.

    Attributes:
        outcome: learned, or failed within its budget.
        updates: done when it was decided.
        metric, score: on the validation set, at the last evaluation.
        test_metric: on the test set, looked at once; None where nothing was decided about.
        evaluations: from the first to the last.
    """

    outcome: Outcome
    updates: int
    metric: float
    score: float
    test_metric: float | None
    evaluations: list[Evaluation]

    @property
    def has_learned(self) -> bool:
        """Whether the criterion was met."""
        return self.outcome == "learned"


@dataclass(frozen=True)
class Verdict:
    """Ours, in words, and whether it is what was expected."""

    found: str
    passed: bool


Arms = Mapping[str, Sequence[Result]]


@dataclass(frozen=True)
class Claim:
    """A known result.

    Attributes:
        topic: a few words.
        statement: what is known.
        source: who knows it: a paper, a closed form, another program.
        expected: the value and its tolerance, in words.
        judge: from the trainings of each arm to ours; the arms are empty where nothing is trained.
        arms: trainings to compare, by name; of paired seeds, in order.
    """

    topic: str
    statement: str
    source: str
    expected: str
    judge: Callable[[Arms], Verdict]
    arms: Mapping[str, Sequence[TrialConfig]] = field(default_factory=dict)


def seeds(count: int, **values: Any) -> list[TrialConfig]:
    """The same trial with seeds 0 to count - 1. `values` are its groups, as in a configuration."""
    return [TrialConfig.model_validate({**values, "seed": seed}) for seed in range(count)]


def learned_counts(arms: Arms) -> str:
    """'T=3: 4 of 4; T=4: 0 of 4'."""
    return "; ".join(
        f"{name}: {sum(result.has_learned for result in results)} of {len(results)}"
        for name, results in arms.items()
    )


def expects_counts(**expected: int) -> Callable[[Arms], Verdict]:
    """A judge that wants so many trainings of each arm to learn, no more and no fewer."""

    def judge(arms: Arms) -> Verdict:
        counts = {name: sum(result.has_learned for result in results) for name, results in arms.items()}
        return Verdict(learned_counts(arms), counts == expected)

    return judge
