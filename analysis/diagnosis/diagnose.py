"""From a trial's record and history to the cause of its failure."""

from collections.abc import Sequence

from analysis.diagnosis.diagnosis import Diagnosis, Evidence, Suspicion
from analysis.records import Evaluation, TrialRecord


def diagnose(record: TrialRecord, history: Sequence[Evaluation]) -> Diagnosis | None:
    """The verdict on a trial; None where there is nothing to explain: a censored or an errored one.

    Args:
        record: of the trial. Without a summary, or with one that has no outcome, the training is looked at as
            it stands, blind to the criterion: `none` says that nothing looks wrong.
        history: every evaluation; empty where none was made.
    """
    summary = record.summary
    if summary is None or summary.outcome in (None, "censored", "errored"):
        return None
    if summary.outcome == "learned":
        return Diagnosis(Suspicion("none", 1.0, "criterion_met"))
    if summary.first_nonfinite:
        update = summary.first_nonfinite["update"]
        told = f"{summary.first_nonfinite['tensor']} is not finite from update {update} on"
        return Diagnosis(Suspicion("diverged", 1.0, "not_finite", (Evidence(told, update=update),)))
    return Diagnosis(Suspicion("unknown", 0.0, "none_fired"))
