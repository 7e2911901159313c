"""Why cells fail, in words that are the same in the terminal, the picture and the report."""

from collections import Counter

from failmap.analysis.diagnosis import Cause
from failmap.analysis.diagnosis.cell import CellDiagnosis
from failmap.analysis.failure_map import FailureMap
from failmap.run_folder.wording import quantity


def cause_label(cause: Cause) -> str:
    """Return a cause as text: 'vanishing in time'."""
    return "cause unknown" if cause == "unknown" else cause.replace("_", " ")


def cause_counts(failure_map: FailureMap) -> dict[Cause, int]:
    """Return the number of cells that fail, or fail in part, by cause; the most frequent first."""
    shown = (cell.shown_cause for cell in failure_map.cells.values())
    return dict(Counter(diagnosis.cause for diagnosis in shown if diagnosis is not None).most_common())


def why_line(failure_map: FailureMap) -> str:
    """Return 'why: 5 cells vanishing in time, 2 partial solution', or '' if no cell fails."""
    counts = [(count, cause_label(cause)) for cause, count in cause_counts(failure_map).items()]
    if not counts:
        return ""
    (most, first), *others = counts
    parts = [f"{quantity(most, 'cell')} {first}", *(f"{count:,} {label}" for count, label in others)]
    return f"why: {', '.join(parts)}"


def share_words(diagnosis: CellDiagnosis) -> str:
    """Return 'vanishing in time: 3 of 4 failed trials'."""
    failed = quantity(diagnosis.num_failed, "failed trial")
    return f"{cause_label(diagnosis.cause)}: {diagnosis.num_trials:,} of {failed}"
