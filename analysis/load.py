"""A run folder in memory: its configuration, its records, and one table of all trials."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from pydantic import ConfigDict

from failmap.analysis.explanation import Explanation, checked_history, explain
from failmap.analysis.run_config import RunConfig, read_config
from failmap.analysis.table import build_table
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.parsing import CHECKED, Kind, ParseError, parse
from failmap.run_folder.paths import RunFolder, is_trial_number, name_problem, names_of_runs
from failmap.run_folder.records import Evaluation, TrialRecord, Values
from failmap.run_folder.storage import AnyPath, check_location, parse_location, store_of, write_atomically
from failmap.run_folder.storage.bounded_files import read_bounded, require_plain_files
from failmap.run_folder.storage.local_copy import local_copy
from failmap.run_folder.wording import label_text

#: A cell by the texts of its labels, in the order of the map's paths. Texts, for a label may be unhashable.
CellKey = tuple[str, ...]


@dataclass(frozen=True)
class _Cost:
    """One entry of costs.json."""

    __pydantic_config__: ClassVar[ConfigDict] = CHECKED

    cell: Values
    seconds_per_trial: float


@dataclass(frozen=True)
class Run:
    """Everything a run left behind, less the histories, which are read when asked for.

    Attributes:
        folder: where it lies; what is written of it belongs there.
        copy: where its files are read: the same folder, or a copy of one in an object store.
        config: what was asked for.
        records: every trial, by number.
        costs: estimated seconds of one trial by cell, where the search wrote them.
        own_cells: those that a shard takes; None where a run takes all.
    """

    folder: RunFolder
    copy: RunFolder
    config: RunConfig
    records: tuple[TrialRecord, ...]
    costs: Mapping[CellKey, float]
    own_cells: frozenset[CellKey] | None = None

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a trial; columns in `analysis.table`."""
        return build_table(self.records, self.explanations, self.config.axis_paths, self._last_evaluation)

    @cached_property
    def explanations(self) -> Mapping[int, Explanation]:
        """Why each trial ended as it did, by number. Raises UserError where a history has a corrupt line."""
        return explain(self.copy, self.records, self.folder.causes)

    @cached_property
    def cell_records(self) -> tuple[TrialRecord, ...]:
        """The trials that are evidence of their cell: all but interventions."""
        return tuple(record for record in self.records if record.purpose != "intervene")

    def history(self, number: int) -> list[Evaluation]:
        """Every evaluation of a trial. Raises UserError where a line is none."""
        return checked_history(self.copy.trial(number).history)

    def cell_key(self, labels: Mapping[str, Any]) -> CellKey:
        """The key of a cell's labels."""
        return cell_key(labels, self.config.map_paths)

    def write_table(self) -> AnyPath:
        """Writes trials.parquet, whole or not at all."""
        buffer = BytesIO()
        self.table.to_parquet(buffer, index=False)
        write_atomically(self.folder.table, buffer.getvalue())
        return self.folder.table

    def _last_evaluation(self, number: int) -> tuple[Evaluation | None, float | None]:
        """The last evaluation of a trial that has not ended, and its best score."""
        history = self.history(number)
        return (history[-1], max(one.score for one in history)) if history else (None, None)


def cell_key(labels: Mapping[str, Any], paths: Iterable[str]) -> CellKey:
    """The key of a cell's labels, in the order of the paths."""
    return tuple(label_text(labels.get(path)) for path in paths)


def find_run(name: str, storage: str | Path = "runs") -> RunFolder:
    """The folder of a run. Raises UserError with the nearest existing name where there is none."""
    place = parse_location(str(storage))
    check_location(place)
    if name and (problem := name_problem(name)):
        raise UserError(f"run={name}: {problem}")
    folder, store = RunFolder(place / name), store_of(place)
    if store.exists(folder.config):
        return folder
    if name and store.exists(folder.path):
        raise UserError(f"{folder.path}: not a run: it has no {folder.config.name}")
    known = names_of_runs(place)
    hint = nearest(name, known) or f"; {storage} holds no run"
    raise UserError(f"no run {name!r} in {storage}{hint}")


def load_run(folder: RunFolder) -> Run:
    """Reads a run, one in an object store through a copy on this machine.

    Raises:
        UserError: one line that names file and line, where a file of it is corrupt; or the store fails.
    """
    try:
        copy = RunFolder(local_copy(folder.path))
        require_plain_files(copy.path)
    except OSError as error:
        raise UserError(f"{folder.path}: cannot be read: {error.strerror or error}") from None
    config = read_config(copy.config)
    costs = _read_costs(copy.costs, config.map_paths)
    own_cells = None if config.shard is None else _read_own_cells(copy.own_cells, config.map_paths)
    return Run(folder, copy, config, tuple(_read_records(copy)), costs, own_cells)


def _read_records(folder: RunFolder) -> list[TrialRecord]:
    """By number. A folder without a record belongs to a trial that the driver has not written down yet."""
    if not folder.trials.is_dir():
        return []
    records = []
    for number in sorted(int(path.name) for path in folder.trials.iterdir() if is_trial_number(path.name)):
        path = folder.trial(number).record
        try:
            record = TrialRecord.from_json(read_bounded(path))
        except FileNotFoundError:
            continue
        except ParseError as error:
            raise UserError(f"{path}, line {error.line or 1}: {error}") from None
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
        if record.number != number:
            raise UserError(f"{path}: says that it is trial {record.number}")
        records.append(record)
    return records


def _read_costs(path: AnyPath, paths: Iterable[str]) -> dict[CellKey, float]:
    costs = _read(path, list[_Cost], "a list of costs") or []
    return {cell_key(cost.cell, paths): cost.seconds_per_trial for cost in costs}


def _read_own_cells(path: AnyPath, paths: Iterable[str]) -> frozenset[CellKey] | None:
    """None where no driver has written them yet."""
    cells = _read(path, list[Values], "a list of cells")
    return None if cells is None else frozenset(cell_key(cell, paths) for cell in cells)


def _read(path: AnyPath, kind: type[Kind], meant: str) -> Kind | None:
    """What a file of JSON holds; None where it is missing."""
    try:
        return parse(kind, read_bounded(path), meant)
    except FileNotFoundError:
        return None
    except ParseError as error:
        raise UserError(f"{path}{error.place}: {error}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
