"""Cases of the fourth set, unseen; chosen without sight of rules, signals or verdicts."""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.fourth_data import DATA_FAULTS
from benchmarks.diagnosis.cases.fourth_faults import CODE_FAULTS
from benchmarks.diagnosis.cases.fourth_healthy import HEALTHY
from benchmarks.diagnosis.cases.fourth_rising import RISING

FOURTH: list[Case] = [*HEALTHY, *RISING, *DATA_FAULTS, *CODE_FAULTS]
