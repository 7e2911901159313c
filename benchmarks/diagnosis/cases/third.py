"""Cases of the third set, which tests confidence; chosen without sight of rules, signals or verdicts."""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.third_data import DATA_FAULTS
from benchmarks.diagnosis.cases.third_faults import CODE_FAULTS
from benchmarks.diagnosis.cases.third_healthy import HEALTHY
from benchmarks.diagnosis.cases.third_rising import RISING

THIRD: list[Case] = [*HEALTHY, *RISING, *DATA_FAULTS, *CODE_FAULTS]
