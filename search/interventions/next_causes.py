"""The cases that continue a rescue: fixes on top of one that changed the cause of failure and repaired
nothing."""

from collections.abc import Sequence
from dataclasses import replace

from failmap.analysis.diagnosis import CONTROLS, FIX_WORDS
from failmap.analysis.load import Run
from failmap.run_folder.records import Intervention, TrialRecord
from failmap.search.interventions.plan import START_SHORTER, UNCHANGED, Case, Step, apply, make_plan
from failmap.search.interventions.request import RescueArguments, Session
from failmap.search.interventions.schedule import InterventionSchedule
from failmap.search.interventions.suspects import suspects_of, with_ladder
from failmap.search.interventions.view import replay

#: Fixes that are in effect together, at most.
MAX_FIXES = 3
#: Fixes that others cannot be added to: they repair nothing, or start each seed from other weights.
_NO_BASES = {UNCHANGED, START_SHORTER, *CONTROLS}


def with_next_causes(cases: Sequence[Case], session: Session[RescueArguments], run: Run) -> list[Case]:
    """Return the cases, and those that continue a case of which all steps were tried and none works.

    A case is continued with the first fix on its ladder whose failed trials have another cause than its own
    and than the one that the fix addresses: the ladder of that cause is tried on top of the fix.

    Args:
        cases: The ladders of the failing cells.
        session: The session.
        run: The run with the interventions so far.
    """
    found = latest = list(cases)
    for _ in range(MAX_FIXES - 1):
        schedule = InterventionSchedule(make_plan(session, run.records, latest))
        replay(schedule, session.config.space, run.records)
        treated = {
            case.cell: {cause for one in found if one.cell == case.cell for cause in (one.cause, one.verdict)}
            for case in latest
        }
        continued = (_continued(case, schedule, treated[case.cell], session, run) for case in latest)
        latest = [case for case in continued if case is not None]
        if not latest:
            break
        found = [*found, *latest]
    return found


def _continued(
    case: Case,
    schedule: InterventionSchedule,
    treated: set[str],
    session: Session[RescueArguments],
    run: Run,
) -> Case | None:
    """Return the case that continues another one; None if it is not done, or if there is nothing to continue.

    Args:
        case: The case.
        schedule: Its schedule with the trials so far.
        treated: Causes that its cell was diagnosed with, and those whose ladders are tried there already.
        session: The session.
        run: The run.
    """
    if not schedule.is_done(case) or any(schedule.has_worked(case, step) for step in case.steps):
        return None
    for step in case.steps:
        if step.name in _NO_BASES:
            continue
        trials = _trials(case, step, run)
        if not any(record.outcome == "failed" for record in trials):
            continue
        suspects = suspects_of([(record, run.explanations[record.number].diagnosis) for record in trials])
        if suspects.cause in {*treated, step.cause, "unknown"}:
            continue
        fix = trials[0].intervention
        assert fix is not None, "a trial of a step is an intervention"
        next_case = with_ladder(
            _on_top_of(case, fix), suspects, num_threads=session.config.cluster.cpus_per_trial
        )
        if len(next_case.steps) > 1 and next_case.cause not in treated:
            return next_case
    return None


def _on_top_of(case: Case, fix: Intervention) -> Case:
    """Return a case without a ladder whose base has a fix."""
    names = " and ".join(FIX_WORDS[name] for name in fix.chain.split("+"))
    row = [pair for pair in case.row if pair[0] != "with"]
    return replace(
        case,
        config=apply(case.config, fix.changes),
        intervention=fix,
        steps=(),
        carried=(),
        # Its weights are those of a network without the fix.
        warm_start=None,
        row=(*row, ("with", names)),
        reasons=(),
    )


def _trials(case: Case, step: Step, run: Run) -> list[TrialRecord]:
    """Return the trials of a step."""
    labels = case.cell.as_dict()
    return [
        record
        for record in run.records
        if (change := record.intervention) is not None
        and (change.kind, change.base, change.name) == ("rescue", case.base, step.name)
        and change.on_top_of == case.on_top_of
        and record.cell == labels
    ]
