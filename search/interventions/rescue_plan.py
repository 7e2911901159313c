"""The plan of a rescue: for each cell that fails its cause, the fixes against it, and a foil."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from failmap.analysis.diagnosis import CAUSE_WORDS, CONTROLS, REMEDIES, Cause, Diagnosis, FixName
from failmap.analysis.diagnosis.cell import diagnose_cell
from failmap.analysis.load import Run
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import TrialRecord
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.interventions.fixes import changes_of
from failmap.search.interventions.plan import AS_IT_WAS, START_SHORTER, Case, Donor, Plan, Step, apply, fits
from failmap.search.interventions.request import RescueRequest
from failmap.search.interventions.selection import CellRecords, cells_to_rescue, records_by_cell
from failmap.search.interventions.view import cell_display
from failmap.search.space import Cell, Space
from failmap.search.trial.config import TrialConfig

LENGTH = "task.sequence_length"


def nearest_shorter(
    space: Space, cell: Cell, base: TrialRecord, records: Sequence[TrialRecord]
) -> Donor | None:
    """The longest of the shorter cells in which the same recipe learned; None where there is none.

    Args:
        space: of the run.
        cell: that fails.
        base: one of its trials.
        records: of the run, interventions left out.
    """
    labels = cell.as_dict()
    if LENGTH not in labels:
        return None
    elsewhere = {path: label for path, label in labels.items() if path != LENGTH}
    learned = [
        record
        for record in records
        if record.summary is not None
        and record.summary.outcome == "learned"
        and record.recipe == base.recipe
        and elsewhere.items() <= record.cell.items()
        and record.cell[LENGTH] < labels[LENGTH]
    ]
    if not learned:
        return None
    length = max(record.cell[LENGTH] for record in learned)
    nearest = [record for record in learned if record.cell[LENGTH] == length]
    first = nearest[0]
    return Donor(
        cell=space.cell(first.cell),
        recipe_index=first.recipe_index,
        recipe=space.recipe_values(first.recipe),
        config=TrialConfig.model_validate(first.config),
        seeds=tuple(dict.fromkeys(record.seed for record in nearest)),
    )


#: A trial of nearly no learning rate never learns: what is read from it needs no second seed.
ONE_SEED: frozenset[FixName] = frozenset({"zero_rate"})
#: Causes that are easily taken for each other: the other one's fix is tried even if nobody suspected it.
_RIVALS: dict[Cause, tuple[Cause, ...]] = {
    "vanishing_in_time": ("vanishing_in_depth", "oscillating"),
    "vanishing_in_depth": ("vanishing_in_time", "oscillating"),
}
#: Rivals of all other causes, after those that were suspected.
_COMMON_RIVALS: tuple[Cause, ...] = ("vanishing_in_depth", "vanishing_in_time", "oscillating", "too_slow")


def base_step(config: TrialConfig, num_seeds: int) -> Step:
    """The base as it was."""
    return Step(AS_IT_WAS, {}, "", num_seeds, relative_cost(config))


def ladder(
    config: TrialConfig, cause: Cause, suspected: Sequence[Cause], donor: Donor | None, num_seeds: int
) -> tuple[Step, ...]:
    """The fixes of a cause that apply, in order, and behind the first one the foil.

    A cause is confirmed only if its fix works and a fix for another cause does not; the latter is the foil.

    Args:
        config: of what failed.
        cause: why it failed.
        suspected: other causes, the likeliest first.
        donor: what can be started from; None where no shorter cell learned.
        num_seeds: of each step.
    """
    steps = [step for name in REMEDIES[cause] if (step := fix(name, cause, config, donor, num_seeds))]
    if not steps or cause == "unknown":
        return tuple(steps)
    first, *others = steps
    return (first, *_foil(config, cause, suspected, num_seeds), *others)


def fix(name: FixName, cause: Cause, config: TrialConfig, donor: Donor | None, num_seeds: int) -> Step | None:
    """One fix as a step; None where it does not apply."""
    if name == START_SHORTER:
        return None if donor is None else _start_shorter(cause, config, donor, num_seeds)
    changes = changes_of(name, config)
    if changes is None:
        return None
    seeds = 1 if name in ONE_SEED else num_seeds
    return Step(name, changes, cause, seeds, relative_cost(apply(config, changes)))


def _start_shorter(cause: Cause, config: TrialConfig, donor: Donor, num_seeds: int) -> Step | None:
    """A start from weights that are not there yet: any name of a trial shows whether one may have it."""
    stored = getattr(config.model, "start_from", "")
    if stored is not None or not fits(config, {"model.start_from": "run/0"}):
        return None
    return Step(START_SHORTER, {}, cause, num_seeds, relative_cost(config), donor)


def _foil(config: TrialConfig, cause: Cause, suspected: Sequence[Cause], num_seeds: int) -> Iterator[Step]:
    """The first fix of another cause that applies, and is none against this one; at most one."""
    rivals = dict.fromkeys([*_RIVALS.get(cause, ()), *suspected, *_COMMON_RIVALS])
    known = {*REMEDIES[cause], *CONTROLS, START_SHORTER}
    for rival in _without(cause, rivals):
        for name in REMEDIES[rival]:
            if name not in known and (step := fix(name, rival, config, None, num_seeds)):
                yield step
                return


def _without(cause: Cause, rivals: Iterable[Cause]) -> Iterator[Cause]:
    """Rivals that say something: a fix against `unknown` would refute nothing."""
    return (rival for rival in rivals if rival not in (cause, "unknown"))


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
            notes.append(f"{cell_display(cell)}: {case.why[0]}; no fix of it can be tried here")
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
