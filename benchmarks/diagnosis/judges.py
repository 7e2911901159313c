"""Every tool that the benchmark compares."""

from benchmarks.diagnosis.judge import Judge, failmap_blind, failmap_told
from benchmarks.diagnosis.published.autotrainer import autotrainer
from benchmarks.diagnosis.published.sagemaker import sagemaker
from benchmarks.diagnosis.published.umlaut import umlaut

TOLD, BLIND = "Failmap, told", "Failmap, blind"

#: By the name that tables show. None but the first knows whether the criterion was met.
JUDGES: dict[str, Judge] = {
    TOLD: failmap_told,
    BLIND: failmap_blind,
    "SageMaker Debugger": sagemaker,
    "AutoTrainer": autotrainer,
    "UMLAUT": umlaut,
}
