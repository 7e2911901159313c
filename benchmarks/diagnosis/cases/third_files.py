"""The data files of the third set."""

from pathlib import Path

from benchmarks.diagnosis.cases.data_files import DataFiles
from benchmarks.diagnosis.cases.third_arrays import SEQUENCES
from benchmarks.diagnosis.cases.third_series import SERIES

THIRD_FILES = DataFiles(Path("runs/diagnosis/arrays/third"), {**SEQUENCES, **SERIES})
