"""The cases of both halves, and of the third and fourth set."""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.fourth import FOURTH
from benchmarks.diagnosis.cases.third import THIRD
from benchmarks.diagnosis.cases.tuning import TUNING
from benchmarks.diagnosis.cases.tuning_further import FURTHER_TUNING
from benchmarks.diagnosis.cases.unseen import UNSEEN


def all_cases() -> list[Case]:
    """Return the cases of the tuning half, of the unseen half, of the third, and of the fourth set."""
    return [*TUNING, *FURTHER_TUNING, *UNSEEN, *THIRD, *FOURTH]
