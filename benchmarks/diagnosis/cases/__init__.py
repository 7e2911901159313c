"""The cases of both halves, and of the third set."""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.third import THIRD
from benchmarks.diagnosis.cases.tuning import TUNING
from benchmarks.diagnosis.cases.tuning_further import FURTHER_TUNING
from benchmarks.diagnosis.cases.unseen import UNSEEN


def all_cases() -> list[Case]:
    """Return the cases of the tuning half, then of the unseen half, then of the third set."""
    return [*TUNING, *FURTHER_TUNING, *UNSEEN, *THIRD]
