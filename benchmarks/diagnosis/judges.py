"""All compared tools."""

from benchmarks.diagnosis.judge import Judge, failmap_blind, failmap_informed
from benchmarks.diagnosis.published.autotrainer import autotrainer
from benchmarks.diagnosis.published.sagemaker import sagemaker
from benchmarks.diagnosis.published.umlaut import umlaut

INFORMED, BLIND = "Failmap, informed", "Failmap, blind"

#: By name in tables. Only the first one knows whether the criterion was met.
JUDGES: dict[str, Judge] = {
    INFORMED: failmap_informed,
    BLIND: failmap_blind,
    "SageMaker Debugger": sagemaker,
    "AutoTrainer": autotrainer,
    "UMLAUT": umlaut,
}
