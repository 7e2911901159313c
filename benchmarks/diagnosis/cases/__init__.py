"""All cases of both halves."""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.tuning import TUNING
from benchmarks.diagnosis.cases.tuning_further import FURTHER_TUNING
from benchmarks.diagnosis.cases.unseen import UNSEEN


def all_cases() -> list[Case]:
    """The tuning half, then the unseen one."""
    return [*TUNING, *FURTHER_TUNING, *UNSEEN]
