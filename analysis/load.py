"""Loading of run folders: configuration, records and the table of all trials."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from failmap.analysis.explanation import Explanation, checked_history, explain
from failmap.analysis.run_config import RunConfig, read_config
from failmap.analysis.table import build_table
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.parsing import Checked, Kind, ParseError, parse
from failmap.run_folder.paths import RunFolder, check_storage, is_trial_number, name_problem, names_of_runs
from failmap.run_folder.records import NO_EVIDENCE, Evaluation, TrialRecord, Values
from failmap.run_folder.storage import AnyPath, parse_location, store_of, write_atomically
from failmap.run_folder.storage.bounded_files import read_bounded, require_plain_files
from failmap.run_folder.storage.local_copy import local_copy
from failmap.run_folder.wording import label_text

#: Texts of a cell's labels in the order of the map's paths; the labels themselves may be unhashable.
CellKey = tuple[str, ...]


@dataclass(frozen=True)
class _Cost(Checked):
    """An entry of costs.json."""

    cell: Values
    seconds_per_trial: float


@dataclass(frozen=True)
class Run:
    """A run with all its trials. Histories are read on demand.

    Attributes:
        folder: Folder of the run, which reports are written to.
        copy: Folder that files are read from: the same one, or a local copy of one in an object store.
        config: Configuration of the run.
        records: Every trial in the order of their numbers.
        costs: Estimated seconds of one trial by cell, if the search wrote them.
        own_cells: Cells of a shard; None if the run has all cells.
        updates: Updates within which a trial must learn, if that is less than its budget (see `updates`).
    """

    folder: RunFolder
    copy: RunFolder
    config: RunConfig
    records: tuple[TrialRecord, ...]
    costs: Mapping[CellKey, float]
    own_cells: frozenset[CellKey] | None = None
    updates: int | None = None

    @cached_property
    def table(self) -> pd.DataFrame:
        """Return one row per trial; `analysis.table` defines the columns."""
        names = [objective.name for objective in self.config.objectives]
        return build_table(self.records, self.explanations, self.config.axis_paths, self.history, names)

    @cached_property
    def explanations(self) -> Mapping[int, Explanation]:
        """Return the explanation of each trial by number. Raises UserError if a history has a corrupt
        line."""
        return explain(self.copy, self.records, self.folder.causes)

    @cached_property
    def cell_records(self) -> tuple[TrialRecord, ...]:
        """Return the trials that are evidence of their cell: not those that change one or train it on."""
        return tuple(record for record in self.records if record.purpose not in NO_EVIDENCE)

    def history(self, number: int) -> list[Evaluation]:
        """Return every evaluation of a trial. Raises UserError if a line is corrupt."""
        return checked_history(self.copy.trial(number).history)

    def cell_key(self, labels: Mapping[str, Any]) -> CellKey:
        """Return the key of a cell's labels."""
        return cell_key(labels, self.config.map_paths)

    def write_table(self) -> AnyPath:
        """Write trials.parquet atomically and return its path."""
        buffer = BytesIO()
        self.table.to_parquet(buffer, index=False)
        write_atomically(self.folder.table, buffer.getvalue())
        return self.folder.table


def cell_key(labels: Mapping[str, Any], paths: Iterable[str]) -> CellKey:
    """Return the key of a cell's labels, in the order of the paths."""
    return tuple(label_text(labels.get(path)) for path in paths)


def find_run(name: str, storage: str | Path = "runs") -> RunFolder:
    """Return the folder of a run. Raises UserError with the nearest existing name if there is none."""
    location = parse_location(str(storage))
    check_storage(location)
    if name and (problem := name_problem(name)):
        raise UserError(f"run={name}: {problem}")
    folder, store = RunFolder(location / name), store_of(location)
    if store.exists(folder.config):
        return folder
    if name and store.exists(folder.path):
        raise UserError(f"{folder.path}: not a run: it has no {folder.config.name}")
    known = names_of_runs(location)
    hint = nearest(name, known) or f"; {storage} holds no run"
    raise UserError(f"no run {name!r} in {storage}{hint}")


def load_run(folder: RunFolder) -> Run:
    """Load a run; one in an object store is copied to this machine first.

    Raises:
        UserError: A file is corrupt (one line with the file and the line), or the store fails.
    """
    try:
        copy = RunFolder(local_copy(folder.path))
        require_plain_files(copy.path)
    except OSError as error:
        raise UserError(f"{folder.path}: cannot be read: {error.strerror or error}") from None
    config = read_config(copy.config)
    costs = read_json(copy.costs, list[_Cost], "a list of costs") or []
    # Missing until a driver has written it.
    own = None if config.shard is None else read_json(copy.own_cells, list[Values], "a list of cells")
    return Run(
        folder,
        copy,
        config,
        tuple(_read_records(copy)),
        costs={cell_key(cost.cell, config.map_paths): cost.seconds_per_trial for cost in costs},
        own_cells=None if own is None else frozenset(cell_key(cell, config.map_paths) for cell in own),
    )


def _read_records(folder: RunFolder) -> list[TrialRecord]:
    """Return the records by number. The driver has not yet written the record of a folder without one."""
    if not folder.trials.is_dir():
        return []
    records = []
    for number in sorted(int(path.name) for path in folder.trials.iterdir() if is_trial_number(path.name)):
        path = folder.trial(number).record
        record = read_json(path, TrialRecord, "a trial's record")
        if record is None:
            continue
        if record.number != number:
            raise UserError(f"{path}: says that it is trial {record.number}")
        records.append(record)
    return records


def read_json(path: AnyPath, kind: type[Kind], description: str) -> Kind | None:
    """Return the contents of a JSON file, or None if it is missing. Raises UserError if it is corrupt."""
    try:
        return parse(kind, read_bounded(path), description)
    except FileNotFoundError:
        return None
    except ParseError as error:
        raise UserError(f"{path}, line {error.line or 1}: {error}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
