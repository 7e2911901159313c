"""The data files of the fourth set."""

from pathlib import Path

from benchmarks.diagnosis.cases.data_files import DataFiles
from benchmarks.diagnosis.cases.fourth_arrays import SEQUENCES
from benchmarks.diagnosis.cases.fourth_series import SERIES

FOURTH_FILES = DataFiles(Path("runs/diagnosis/arrays/fourth"), {**SEQUENCES, **SERIES})
