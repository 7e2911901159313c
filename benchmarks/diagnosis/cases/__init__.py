"""All cases of the benchmark."""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.tuning import TUNING
from benchmarks.diagnosis.cases.tuning_further import FURTHER_TUNING


def all_cases() -> list[Case]:
    """All of them are of the tuning half as long as the next unseen one is not written."""
    return [*TUNING, *FURTHER_TUNING]
