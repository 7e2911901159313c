"""The plan of a rescue: the ladder of each failing cell, and what follows once all of it was tried."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from failmap.analysis.diagnosis import Cause, FixName
from failmap.analysis.load import Run
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import TrialRecord
from failmap.search.interventions.ladder import fix_step
from failmap.search.interventions.next_causes import with_next_causes
from failmap.search.interventions.plan import Case, Plan, Step, WarmStart, make_plan
from failmap.search.interventions.request import RescueArguments, Session
from failmap.search.interventions.selection import cells_to_rescue, records_by_cell
from failmap.search.interventions.suspects import Suspects, suspects_of, with_ladder
from failmap.search.interventions.view import cell_display
from failmap.search.space import Cell, Space
from failmap.search.trial.config import TrialConfig

LENGTH = "task.sequence_length"
#: Cells whose configuration is checked for fixes. A check takes some tenths of a second.
_MAX_CHECKED = 8


def plan_rescue(session: Session[RescueArguments], run: Run) -> Plan:
    """Plan a rescue from the diagnoses of the run's trials.

    Raises:
        UserError: No cell needs a rescue, or no fix applies.
    """
    config, recipe = session.config, session.arguments.recipe
    cells = records_by_cell(config, run.records)
    cases: list[Case] = []
    notes = []
    for index, cell in enumerate(cells_to_rescue(config, cells, session.labels, recipe)):
        records = [record for record in cells[cell] if record.recipe_index == recipe]
        suspects = suspects_of([(record, run.explanations[record.number].diagnosis) for record in records])
        case = _case(cell, records[0], suspects, session, run, is_checked=index < _MAX_CHECKED)
        if len(case.steps) > 1:
            cases.append(case)
        else:
            notes.append(f"{cell_display(cell)}: {'; '.join(case.reasons)}")
    if not cases:
        raise UserError(*notes)
    return make_plan(session, run.records, _with_fixes_of_row(with_next_causes(cases, session, run)), notes)


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


def _case(
    cell: Cell,
    base: TrialRecord,
    suspects: Suspects,
    session: Session[RescueArguments],
    run: Run,
    *,
    is_checked: bool,
) -> Case:
    space = session.config.space
    case = Case(
        kind="rescue",
        cell=cell,
        recipe_index=base.recipe_index,
        recipe=space.recipe_values(base.recipe),
        config=TrialConfig.model_validate(base.config),
        base=base.recipe_index,
        steps=(),
        row=tuple(pair for pair in cell.labels if pair[0] != space.map_paths[0]),
        warm_start=find_warm_start(space, cell, base, run.cell_records),
    )
    return with_ladder(case, suspects, session.config.cluster.cpus_per_trial if is_checked else None)


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
            fix_step(cast(FixName, name), cast(Cause, step.cause), case.config, case.warm_start)
            for name, step in rows[case.row].items()
            if name not in own and step.is_remedy
        )
        yield replace(case, carried=tuple(step for step in carried if step is not None))
