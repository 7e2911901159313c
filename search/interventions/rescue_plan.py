"""The plan of a rescue: for each failing cell the fixes of its cause and a negative control."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from failmap.analysis.diagnosis import CAUSE_WORDS, CONTROLS, REMEDIES, Cause, FixName
from failmap.analysis.diagnosis.cell import diagnose_cell
from failmap.analysis.load import Run
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import TrialRecord
from failmap.search.interventions.fixes import changes_of
from failmap.search.interventions.plan import (
    START_SHORTER,
    UNCHANGED,
    Case,
    Plan,
    Step,
    WarmStart,
    effective_changes,
    has_stored_weights,
    make_plan,
    make_step,
)
from failmap.search.interventions.request import RescueArguments, Session
from failmap.search.interventions.selection import cells_to_rescue, records_by_cell
from failmap.search.interventions.view import cell_display
from failmap.search.space import Cell, Space
from failmap.search.trial.config import TrialConfig

LENGTH = "task.sequence_length"
#: Causes that are easily confused: the fix of the other one is tried even if it was not suspected.
_RIVALS: dict[Cause, tuple[Cause, ...]] = {
    "vanishing_in_time": ("vanishing_in_depth", "oscillating"),
    "vanishing_in_depth": ("vanishing_in_time", "oscillating"),
}
#: Rivals of any cause, after those that were suspected.
_COMMON_RIVALS: tuple[Cause, ...] = ("vanishing_in_depth", "vanishing_in_time", "oscillating", "too_slow")


def plan_rescue(session: Session[RescueArguments], run: Run) -> Plan:
    """Plan a rescue from the diagnoses of the run's trials.

    Raises:
        UserError: No cell needs a rescue, or no fix applies.
    """
    config, recipe = session.config, session.arguments.recipe
    cells = records_by_cell(config, run.records)
    cases, notes = [], []
    for cell in cells_to_rescue(config, cells, session.labels, recipe):
        records = [record for record in cells[cell] if record.recipe_index == recipe]
        case = _case(cell, records, session, run)
        if len(case.steps) > 1:
            cases.append(case)
        else:
            notes.append(f"{cell_display(cell)}: {case.reasons[0]}; no fix of it applies here")
    if not cases:
        raise UserError(*notes)
    return make_plan(session, run.records, _with_fixes_of_row(cases), notes)


def ladder(
    config: TrialConfig, cause: Cause, suspected: Sequence[Cause], warm_start: WarmStart | None
) -> tuple[Step, ...]:
    """Return the applicable fixes of a cause in order, with a negative control after the first one.

    The negative control is a fix of another cause. A cause is confirmed only if its own fix works and the
    negative control does not.

    Args:
        config: Configuration of the failed trials.
        cause: Their cause.
        suspected: Other causes, the likeliest first.
        warm_start: Trial to start from; None if no shorter cell learned.
    """
    steps = [step for name in REMEDIES[cause] if (step := _fix_step(name, cause, config, warm_start))]
    if steps and cause != "unknown" and (control := _negative_control(config, cause, suspected)):
        steps.insert(1, control)
    return tuple(steps)


def find_warm_start(
    space: Space, cell: Cell, base: TrialRecord, records: Sequence[TrialRecord]
) -> WarmStart | None:
    """Return the longest of the shorter cells in which the same recipe learned; None if there is none.

    Args:
        space: The run's space.
        cell: The failing cell.
        base: One of its trials.
        records: Records of the run without interventions.
    """
    others = cell.as_dict()
    own_length = others.pop(LENGTH, None)
    if own_length is None:
        return None
    learned = [
        record
        for record in records
        if record.outcome == "learned"
        and record.recipe == base.recipe
        and others.items() <= record.cell.items()
        and record.cell[LENGTH] < own_length
    ]
    longest = max(learned, key=lambda record: record.cell[LENGTH], default=None)
    if longest is None:
        return None
    return WarmStart(
        cell=space.cell(longest.cell),
        recipe_index=longest.recipe_index,
        recipe=space.recipe_values(longest.recipe),
        config=TrialConfig.model_validate(longest.config),
        seeds=tuple(dict.fromkeys(record.seed for record in learned if record.cell == longest.cell)),
    )


def _case(cell: Cell, records: Sequence[TrialRecord], session: Session[RescueArguments], run: Run) -> Case:
    base, space = records[0], session.config.space
    trial = TrialConfig.model_validate(base.config)
    warm_start = find_warm_start(space, cell, base, run.cell_records)
    cause, suspected, reasons = _explain(records, run)
    return Case(
        kind="rescue",
        cell=cell,
        recipe_index=base.recipe_index,
        recipe=space.recipe_values(base.recipe),
        config=trial,
        base=base.recipe_index,
        steps=(make_step(trial, UNCHANGED, {}), *ladder(trial, cause, suspected, warm_start)),
        row=tuple(pair for pair in cell.labels if pair[0] != space.map.x),
        warm_start=warm_start,
        cause=cause,
        reasons=reasons,
    )


def _explain(records: Sequence[TrialRecord], run: Run) -> tuple[Cause, tuple[Cause, ...], tuple[str, ...]]:
    """Return the cause of most failures, other causes (the likeliest first), and lines for users."""
    diagnosed = [(record, run.explanations[record.number].diagnosis) for record in records]
    verdict = diagnose_cell(diagnosed)
    assert verdict is not None, "a rescued cell has failures"
    failed = [diagnosis for record, diagnosis in diagnosed if diagnosis and record.outcome == "failed"]
    runners_up = Counter(suspicion.cause for diagnosis in failed for suspicion in diagnosis.runners_up)
    others = [cause for cause, _ in (*verdict.others, *runners_up.most_common()) if cause != verdict.cause]
    confidence = max(one.confidence for one in failed if one.cause == verdict.cause)
    line = (
        f"{verdict.cause} in {verdict.num_trials} of {verdict.num_failed} failed trials "
        f"(confidence {confidence:.0%}): {CAUSE_WORDS[verdict.cause]}"
    )
    evidence = (one.told for one in verdict.evidence[:1])
    return verdict.cause, tuple(dict.fromkeys(others)), (line, *evidence)


def _fix_step(name: FixName, cause: Cause, config: TrialConfig, warm_start: WarmStart | None) -> Step | None:
    """Return a fix as a step, or None if it does not apply."""
    if name == START_SHORTER:
        # The weights do not exist yet: any name of a trial shows whether the network can start from them.
        can_start = not has_stored_weights(config) and effective_changes(
            config, {"model.start_from": "run/0"}
        )
        if warm_start is None or not can_start:
            return None
        return make_step(config, START_SHORTER, {}, cause, warm_start)
    changes = changes_of(name, config)
    return make_step(config, name, changes, cause) if changes else None


def _negative_control(config: TrialConfig, cause: Cause, suspected: Sequence[Cause]) -> Step | None:
    """Return the first applicable fix of a rival cause that is not a fix of this cause, if there is one."""
    known = {*REMEDIES[cause], *CONTROLS, START_SHORTER}
    steps = (
        _fix_step(name, rival, config, None)
        for rival in dict.fromkeys([*_RIVALS.get(cause, ()), *suspected, *_COMMON_RIVALS])
        # A fix of `unknown` would refute nothing.
        if rival not in (cause, "unknown")
        for name in REMEDIES[rival]
        if name not in known
    )
    return next(filter(None, steps), None)


def _with_fixes_of_row(cases: Sequence[Case]) -> Iterator[Case]:
    """Yield the cases, each with the fixes of its row that its own ladder lacks."""
    rows: dict[Any, dict[str, Step]] = defaultdict(dict)
    for case in cases:
        for step in case.steps[1:]:
            rows[case.row].setdefault(step.name, step)
    for case in cases:
        own = {step.name for step in case.steps}
        carried = (
            # The steps of a rescue are named by fixes and causes.
            _fix_step(cast(FixName, name), cast(Cause, step.cause), case.config, case.warm_start)
            for name, step in rows[case.row].items()
            if name not in own and step.is_remedy
        )
        yield replace(case, carried=tuple(step for step in carried if step is not None))
