"""The causes that failed trials are suspected of, and the ladder that follows from them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from failmap.analysis.diagnosis import CAUSE_WORDS, FIX_WORDS, WHERE_TO_LOOK, Cause, Diagnosis
from failmap.analysis.diagnosis.cell import diagnose_cell
from failmap.run_folder.records import TrialRecord
from failmap.search.interventions.ladder import addressed, ladder
from failmap.search.interventions.named_fixes import named_fixes
from failmap.search.interventions.plan import UNCHANGED, Case, make_step

#: Causes that a check predicts from initial gradients and that trials measure as they train: their fixes are
#: tried where a diagnosis suspects them, not wherever the check warns.
_MEASURED = ("vanishing_in_depth", "vanishing_in_time")


@dataclass(frozen=True)
class Suspects:
    """What several failed trials of one configuration suffer from.

    Attributes:
        cause: The cause of most of them.
        others: Other suspected causes, the likeliest first.
        updates_needed: Updates after which the slowest of them would have learned, at its pace; None if no
            diagnosis knows it.
        reasons: Lines for users.
    """

    cause: Cause
    others: tuple[Cause, ...]
    updates_needed: float | None
    reasons: tuple[str, ...]


def suspects_of(diagnosed: Sequence[tuple[TrialRecord, Diagnosis | None]]) -> Suspects:
    """Return the causes of trials, at least one of which failed, with their diagnoses."""
    verdict = diagnose_cell(diagnosed)
    assert verdict is not None, "a rescued cell has failures"
    failed = [diagnosis for record, diagnosis in diagnosed if diagnosis and record.outcome == "failed"]
    runners_up = Counter(suspicion.cause for diagnosis in failed for suspicion in diagnosis.runners_up)
    others = [cause for cause, _ in (*verdict.others, *runners_up.most_common()) if cause != verdict.cause]
    mine = [one for one in failed if one.cause == verdict.cause]
    evidence = [found for one in mine for found in one.verdict.evidence]
    paces = [found.values["updates_needed"] for found in evidence if "updates_needed" in found.values]
    line = (
        f"{verdict.cause} in {verdict.num_trials} of {verdict.num_failed} failed trials "
        f"(confidence {max(one.confidence for one in mine):.0%}): {CAUSE_WORDS[verdict.cause]}"
    )
    observed = (one.told for one in verdict.evidence[:1])
    return Suspects(verdict.cause, tuple(dict.fromkeys(others)), max(paces, default=None), (line, *observed))


def with_ladder(case: Case, suspects: Suspects, num_threads: int | None) -> Case:
    """Return a case with the ladder of its cause, or of the next suspected cause that has a fix.

    Args:
        case: The case, whose steps and reasons are replaced.
        suspects: The causes of its failures.
        num_threads: Threads with which its configuration is checked for fixes; None for no check.
    """
    causes = (suspects.cause, *(one for one in suspects.others if one not in ("none", "unknown")))
    named = [
        (name, changes)
        for name, changes in (() if num_threads is None else named_fixes(case.config, num_threads))
        if (against := addressed(name, suspects.cause)) not in _MEASURED or against in causes
    ]
    reasons = list(suspects.reasons)
    if named:
        reasons.append(f"named by the preflight: {', '.join(FIX_WORDS[name] for name, _ in named)}")
    ladders = {
        cause: ladder(
            case.config,
            cause,
            [one for one in causes if one != cause],
            case.warm_start,
            named=named,
            updates_needed=suspects.updates_needed if cause == suspects.cause else None,
        )
        for cause in causes
    }
    with_own = (cause for cause, steps in ladders.items() if any(step.cause == cause for step in steps))
    treated = next(with_own, suspects.cause)
    where = WHERE_TO_LOOK.get(suspects.cause)
    if treated != suspects.cause or not ladders[treated]:
        reasons.append("no fix of it applies here" + (f": {where}" if where else ""))
    elif where:
        reasons.append(where)
    if treated != suspects.cause:
        reasons.append(f"tried in their place: the fixes of the next suspicion, {treated}")
    unchanged = make_step(case.config, UNCHANGED, {})
    return replace(
        case,
        steps=(unchanged, *ladders[treated]),
        cause=treated,
        verdict=suspects.cause,
        reasons=tuple(reasons),
    )
