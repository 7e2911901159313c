"""Which cells are rescued: those that fail, next to what learns first; or those that the user names."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from failmap.analysis.verdict import State, judge, recipe_name
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.wording import any_of
from failmap.search.allocation.eta import default_cost
from failmap.search.config import RunConfig
from failmap.search.interventions.view import cell_display
from failmap.search.space import Cell

#: Cells and recipes that a message names at most.
_MAX_NAMED = 5

CellRecords = Mapping[Cell, Sequence[TrialRecord]]


def records_by_cell(config: RunConfig, records: Iterable[TrialRecord]) -> CellRecords:
    """Trials by cell, interventions left out."""
    cells: dict[Cell, list[TrialRecord]] = defaultdict(list)
    for record in records:
        if record.purpose != "intervene":
            cells[config.space.cell(record.cell)].append(record)
    return cells


def cells_to_rescue(
    config: RunConfig, cells: CellRecords, labels: Mapping[str, Any], recipe: int
) -> list[Cell]:
    """The cells that the labels leave, in the order in which they are rescued.

    Args:
        config: of the run.
        cells: its trials.
        labels: of the cells, by path. All of a cell's labels name it, whether it fails or is unknown; fewer,
            or none, leave the cells that fail.
        recipe: index of the one that is changed.

    Raises:
        UserError: nothing is left; the nearest right thing is told.
    """
    known = sorted({record.recipe_index for records in cells.values() for record in records})
    if not known:
        raise UserError(f"run={config.run}: it has no trial yet; go on with it by search.resume")
    if recipe not in known:
        raise UserError(f"recipe={recipe}: no trial has it; {_recipes_told(known)}")
    if labels.keys() == set(config.space.map.paths):
        cell = config.space.cell(labels)
        _require_failures(cell, cells, recipe)
        return [cell]
    states = {cell: _state(config, records) for cell, records in cells.items()}
    failing = [
        cell
        for cell, state in states.items()
        if state == "fails" and labels.items() <= cell.as_dict().items() and has_failed(cells[cell], recipe)
    ]
    if not failing:
        raise UserError(_nothing_fails(config, cells, labels, recipe))
    learning = {cell for cell, state in states.items() if state == "learns"}
    edge = {cell for cell in failing if learning & _neighbours(config, cell)}
    return sorted(failing, key=lambda cell: (cell not in edge, default_cost(config, cell)))


def has_failed(records: Iterable[TrialRecord], recipe: int) -> bool:
    """Whether a trial of a recipe failed."""
    return any(record.outcome == "failed" and record.recipe_index == recipe for record in records)


def _require_failures(cell: Cell, cells: CellRecords, recipe: int) -> None:
    """Raises UserError where nothing failed in a cell that the user named."""
    records = cells.get(cell, ())
    if has_failed(records, recipe):
        return
    failed = sorted({record.recipe_index for record in records if record.outcome == "failed"})
    if not records:
        told = "no trial was run there yet; go on with the run by search.resume"
    elif failed:
        told = f"no trial of {recipe_name(recipe)} failed there; {_recipes_told(failed)}"
    else:
        told = "no trial failed there"
    raise UserError(f"cell={cell_display(cell)}: {told}")


def _nothing_fails(config: RunConfig, cells: CellRecords, labels: Mapping[str, Any], recipe: int) -> str:
    """Why no cell is left, and a cell that could be named."""
    chosen = {cell: records for cell, records in cells.items() if labels.items() <= cell.as_dict().items()}
    where = f" with {cell_display(Cell(tuple(labels.items())))}" if labels else ""
    told = f"run={config.run}: no cell{where} fails by {recipe_name(recipe)}"
    some = [cell for cell, records in chosen.items() if has_failed(records, recipe)]
    if some:
        return f'{told}; trials failed in {len(some)}, as in cell="{cell_display(some[0])}"'
    return f"{told}, and no trial of it failed there"


def _recipes_told(known: Sequence[int]) -> str:
    """Which recipes there are."""
    more = f" and {len(known) - _MAX_NAMED} more" if len(known) > _MAX_NAMED else ""
    named = any_of([f"recipe={index}" for index in known[:_MAX_NAMED]])
    return f"there is {named}{more}"


def _state(config: RunConfig, records: Iterable[TrialRecord]) -> State:
    return judge(records, config.space.fail_after_recipes).state


def _neighbours(config: RunConfig, cell: Cell) -> set[Cell]:
    """The cells beside it along x and along y."""
    beside = set()
    labels = cell.as_dict()
    for axis in config.space.map_axes[:2]:
        values = [axis.label(value) for value in axis.values or ()]
        if labels[axis.path] not in values:
            continue
        place = values.index(labels[axis.path])
        for other in values[max(place - 1, 0) : place + 2]:
            moved = {**labels, axis.path: other}
            beside.add(config.space.cell(moved))
    return beside - {cell}
