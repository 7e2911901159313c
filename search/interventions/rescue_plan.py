"""The plan of a rescue: for each cell that fails its cause, the fixes against it, and a foil."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from failmap.analysis.diagnosis import CAUSE_WORDS, Cause, Diagnosis, FixName
from failmap.analysis.diagnosis.cell import diagnose_cell
from failmap.analysis.errors import UserError
from failmap.analysis.load import Run
from failmap.analysis.records import TrialRecord
from failmap.search.config import RunConfig
from failmap.search.interventions.donors import nearest_shorter
from failmap.search.interventions.ladder import base_step, fix, ladder
from failmap.search.interventions.plan import Case, Plan, Step
from failmap.search.interventions.request import RescueRequest
from failmap.search.interventions.selection import CellRecords, cells_to_rescue, records_by_cell
from failmap.search.interventions.words import cell_words
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig


@dataclass(frozen=True)
class _Finding:
    """Why a cell fails: the cause of most of its failed trials.

    Attributes:
        cause: of most of them.
        suspected: other causes, the likeliest first.
        told: one line for people, and one of evidence where there is some.
    """

    cause: Cause
    suspected: tuple[Cause, ...]
    told: tuple[str, ...]


def plan_rescue(request: RescueRequest, run: Run) -> Plan:
    """What is tried, from what the run's own trials say.

    Raises:
        UserError: no cell is left to rescue, or nothing is known that might help.
    """
    config = request.session.config
    cells = records_by_cell(config, run.records)
    cases, notes = [], []
    for cell in cells_to_rescue(config, cells, request.labels, request.recipe):
        case = _case(config, cells, cell, request, run)
        if len(case.steps) > 1:
            cases.append(case)
        else:
            notes.append(f"{cell_words(cell)}: {case.why[0]}; no fix of it can be tried here")
    if not cases:
        raise UserError(*notes)
    return Plan(
        run=request.session.folder.name,
        cases=tuple(_with_fixes_of_the_row(cases, request.seeds)),
        seeds=range(config.seed, config.seed + request.seeds),
        max_trials=max_interventions(request.session.max_trials, run.records),
        notes=tuple(notes),
    )


def max_interventions(num_more: int | None, records: Iterable[TrialRecord]) -> int | None:
    """How many interventions the run may come to have, if a session may begin so many."""
    if num_more is None:
        return None
    return num_more + sum(record.purpose == "intervene" for record in records)


def _case(config: RunConfig, cells: CellRecords, cell: Cell, request: RescueRequest, run: Run) -> Case:
    records = [record for record in cells[cell] if record.recipe_index == request.recipe]
    base, space = records[0], config.space
    trial = TrialConfig.model_validate(base.config)
    donor = nearest_shorter(space, cell, base, run.cell_records)
    found = _finding(
        records, {record.number: run.explanations[record.number].diagnosis for record in records}
    )
    return Case(
        kind="rescue",
        cell=cell,
        recipe_index=request.recipe,
        recipe=space.recipe_values(base.recipe),
        config=trial,
        base=request.recipe,
        steps=(
            base_step(trial, request.seeds),
            *ladder(trial, found.cause, found.suspected, donor, request.seeds),
        ),
        row=tuple(pair for pair in cell.labels if pair[0] != space.map.x),
        donor=donor,
        cause=found.cause,
        why=found.told,
    )


def _finding(records: Sequence[TrialRecord], diagnoses: Mapping[int, Diagnosis | None]) -> _Finding:
    verdict = diagnose_cell([(record, diagnoses[record.number]) for record in records])
    assert verdict is not None, "a cell without failures is not rescued"
    failed = [
        diagnosis
        for record in records
        if (diagnosis := diagnoses[record.number]) and record.summary and record.summary.outcome == "failed"
    ]
    runners_up = Counter(suspicion.cause for diagnosis in failed for suspicion in diagnosis.runners_up)
    others = [cause for cause, _ in (*verdict.others, *runners_up.most_common()) if cause != verdict.cause]
    confidence = max(one.confidence for one in failed if one.cause == verdict.cause)
    told = (
        f"{verdict.cause} in {verdict.num_trials} of {verdict.num_failed} failed trials "
        f"(confidence {confidence:.0%}): {CAUSE_WORDS[verdict.cause]}"
    )
    return _Finding(
        verdict.cause, tuple(dict.fromkeys(others)), (told, *(one.told for one in verdict.evidence[:1]))
    )


def _with_fixes_of_the_row(cases: Sequence[Case], num_seeds: int) -> Iterable[Case]:
    """The cases, each with the fixes of others in its row that its own ladder lacks."""
    rows: dict[Any, dict[str, Step]] = defaultdict(dict)
    for case in cases:
        for step in case.steps[1:]:
            rows[case.row].setdefault(step.name, step)
    for case in cases:
        own = {step.name for step in case.steps}
        carried = (
            _elsewhere(case, step, num_seeds)
            for name, step in rows[case.row].items()
            if name not in own and step.is_a_remedy
        )
        yield replace(case, carried=tuple(step for step in carried if step is not None))


def _elsewhere(case: Case, step: Step, num_seeds: int) -> Step | None:
    """A step of another cell in this one; None where it does not apply."""
    # A rescue's steps are called by their fixes and causes; those of an ablation have words of their own.
    name, cause = cast(FixName, step.name), cast(Cause, step.cause)
    return fix(name, cause, case.config, case.donor, num_seeds)
