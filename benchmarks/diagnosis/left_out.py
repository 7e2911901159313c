"""Which trainings are not scored, and why."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.diagnosis.labelled import Labelled

WHY = (
    "healthy, and did not learn",
    "faulty, and learned all the same",
    "faulty, and so is its healthy twin: that failed too",
    "became not finite though another fault was planted, or stayed finite though labelled diverged",
)


def why_left_out(trainings: Sequence[Labelled]) -> Counter[str]:
    """How many trainings were left out for each reason."""
    learned = {training.case.name for training in trainings if _outcome(training) == "learned"}
    return Counter(_why(training, learned) for training in trainings if not training.took)


def _why(training: Labelled, learned: set[str]) -> str:
    if training.case.is_healthy:
        return WHY[0]
    if training.case.name in learned:
        return WHY[1]
    return WHY[2] if training.case.twin not in learned else WHY[3]


def _outcome(training: Labelled) -> str | None:
    summary = training.record.summary
    assert summary is not None, f"{training.case.name} has ended"
    return summary.outcome
