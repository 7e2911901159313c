"""The selection of cells to rescue."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from failmap.analysis.verdict import recipe_name
from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.run_folder.records import NO_EVIDENCE, TrialRecord
from failmap.run_folder.wording import any_of
from failmap.search.allocation.map_allocation import default_cost
from failmap.search.allocation.remaining import judge_cells
from failmap.search.config import RunConfig
from failmap.search.interventions.view import cell_display
from failmap.search.space import Cell

#: Recipes named in a message.
_MAX_NAMED = 5

CellRecords = Mapping[Cell, Sequence[TrialRecord]]


def records_by_cell(config: RunConfig, records: Iterable[TrialRecord]) -> CellRecords:
    """Group trials by cell, without interventions."""
    cells: dict[Cell, list[TrialRecord]] = defaultdict(list)
    for record in records:
        if record.purpose not in NO_EVIDENCE:
            cells[config.space.cell(record.cell)].append(record)
    return cells


def cells_to_rescue(
    config: RunConfig, cells: CellRecords, labels: Mapping[str, Any], recipe: int
) -> list[Cell]:
    """Return the cells to rescue: next to a learning cell first, then by cost.

    A cell may be inferred to fail, if a trial of it failed: a rescue begins with the missing seeds of what it
    changes.

    Args:
        config: The run's configuration.
        cells: Its trials.
        labels: Labels of the cells by path. A complete set names a cell, which need not fail as a whole;
            otherwise, all failing cells with these labels are returned.
        recipe: Index of the recipe to change.

    Raises:
        UserError: No cell is left. The message names the nearest alternative.
    """
    known = sorted({record.recipe_index for records in cells.values() for record in records})
    if not known:
        raise UserError(f"run={config.run}: it has no trial yet; continue it with {_resume_command(config)}")
    if recipe not in known:
        raise UserError(f"recipe={recipe}: no trial has it; {_known_recipes(known)}")
    if labels.keys() == set(config.space.map_paths):
        cell = config.space.cell(labels)
        _require_failures(config, cell, cells, recipe)
        return [cell]
    verdicts = judge_cells(config, config.space.cells(), cells)
    states = {cell: verdict.state for cell, verdict in verdicts.items()}
    with_failures = [
        cell
        for cell, records in cells.items()
        if labels.items() <= cell.as_dict().items() and recipe in _failed_recipes(records)
    ]
    failing = [cell for cell in with_failures if states[cell] == "fails"]
    if not failing:
        where = f" with {cell_display(Cell(tuple(labels.items())))}" if labels else ""
        hint = ", and no trial of it failed there"
        if with_failures:
            example = cell_display(with_failures[0])
            hint = (
                ", so there is none to choose without being named; name one to try fixes all the same: "
                f'trials failed in {len(with_failures)}, such as cell="{example}"'
            )
        raise UserError(f"run={config.run}: no cell{where} fails by {recipe_name(recipe)}{hint}")
    learning = {cell for cell, state in states.items() if state == "learns"}
    edge = {cell for cell in failing if learning & _neighbours(config, cell)}
    return sorted(failing, key=lambda cell: (cell not in edge, default_cost(config, cell)))


def _failed_recipes(records: Iterable[TrialRecord]) -> list[int]:
    """Return the recipes of the trials that failed."""
    return sorted({record.recipe_index for record in records if record.outcome == "failed"})


def _require_failures(config: RunConfig, cell: Cell, cells: CellRecords, recipe: int) -> None:
    """Raise UserError if no trial of the recipe failed in a cell that the user named."""
    records = cells.get(cell, ())
    failed = _failed_recipes(records)
    if recipe in failed:
        return
    if not records:
        problem = f"no trial has run there; continue the run with {_resume_command(config)}"
    elif failed:
        problem = f"no trial of {recipe_name(recipe)} failed there; {_known_recipes(failed)}"
    else:
        problem = "no trial failed there"
    raise UserError(f"cell={cell_display(cell)}: {problem}")


def _resume_command(config: RunConfig) -> str:
    return command_line("resume", f"run={config.run}")


def _known_recipes(known: Sequence[int]) -> str:
    """List the recipes that exist."""
    more = f" and {len(known) - _MAX_NAMED} more" if len(known) > _MAX_NAMED else ""
    named = any_of([f"recipe={index}" for index in known[:_MAX_NAMED]])
    return f"there is {named}{more}"


def _neighbours(config: RunConfig, cell: Cell) -> set[Cell]:
    """Return the adjacent cells along x and along y."""
    neighbours = set()
    labels = cell.as_dict()
    for axis in config.space.map_axes[:2]:
        values = [axis.label(value) for value in axis.values or ()]
        if labels[axis.path] in values:
            position = values.index(labels[axis.path])
            for other in values[max(position - 1, 0) : position + 2]:
                neighbours.add(config.space.cell({**labels, axis.path: other}))
    return neighbours - {cell}
