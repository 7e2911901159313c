"""Why a failed trial failed: a pure function of what it left behind; a better rule re-reads old runs."""

from failmap.analysis.diagnosis.causes import (
    CAUSE_WORDS,
    CAUSES,
    CONTROLS,
    FIX_WORDS,
    REMEDIES,
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
    "Cause",
    "Diagnosis",
    "Evidence",
    "FixName",
    "Suspicion",
    "diagnose",
]
