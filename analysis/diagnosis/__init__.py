"""Diagnosis of failed trials: a pure function of their records, so that better rules also apply to old
runs."""

from failmap.analysis.diagnosis.causes import (
    CAUSE_WORDS,
    CAUSES,
    CONTROLS,
    FIX_WORDS,
    REMEDIES,
    WHERE_TO_LOOK,
    Cause,
    FixName,
)
from failmap.analysis.diagnosis.diagnose import diagnose
from failmap.analysis.diagnosis.diagnosis import Diagnosis, Evidence, Suspicion

__all__ = [
    "CAUSES",
    "CAUSE_WORDS",
    "CONTROLS",
    "FIX_WORDS",
    "REMEDIES",
    "WHERE_TO_LOOK",
    "Cause",
    "Diagnosis",
    "Evidence",
    "FixName",
    "Suspicion",
    "diagnose",
]
