"""Why a failed trial failed, derived from its record, so that a better rule re-reads old runs."""

from analysis.records import TrialRecord


def diagnose(record: TrialRecord) -> str | None:
    """The cause: 'none' for what learned, 'diverged' or 'unknown' for what failed.

    None where there is nothing to explain: a censored, an errored or an unfinished trial.
    """
    summary = record.summary
    if summary is None or summary.outcome in (None, "censored", "errored"):
        return None
    if summary.outcome == "learned":
        return "none"
    return "diverged" if summary.first_nonfinite else "unknown"
