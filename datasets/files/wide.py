"""Reading of wide tables: a row for each sequence of one feature, a column for each step."""

from pathlib import Path

import numpy as np
import pandas as pd

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.arrays import Arrays, sequences_of
from failmap.datasets.files.contents import Sequences
from failmap.datasets.files.frame import is_nameless, read_frame
from failmap.datasets.files.identity import numbers_rows
from failmap.datasets.files.labels import listed
from failmap.datasets.files.numbers import column_numbers, reads_as_numbers
from failmap.datasets.files.ordering import require_none_missing


def read_wide(path: Path, config: ArrayFileConfig) -> Sequences:
    """Read a table with a row for each sequence: its target, and its steps in the order of the columns.

    Without a line of names the first column is the target, as in the UCR archive. Missing values at the ends
    of rows are padding.

    Raises:
        TaskError: The table cannot be read, or its columns do not fit; one line for each problem.
    """
    if config.target == "forecasting" or config.supervision == "every_step":
        raise TaskError("task.layout=wide: has one target for each sequence, and no forecast")
    frame, read_notes = read_frame(path, config)
    names = list(frame.columns)
    target = "target" if config.target_column is None else str(config.target_column)
    problems = []
    if target not in names:
        problems.append(
            f"no column {target} for the target{nearest_name(target, names[:8])}; "
            "task.target_column=NAME names it"
        )
    group = None
    if config.group_column not in ("auto", "none") or (config.group_column == "auto" and "group" in names):
        group = "group" if config.group_column == "auto" else config.group_column
        if group not in names:
            problems.append(f"task.group_column={group}: no such column{nearest_name(group, names[:8])}")
    ignored = config.ignored_columns.split("+") if config.ignored_columns else []
    kept = config.kept_columns.split("+") if config.kept_columns else []
    problems += [f"task.ignored_columns: no column {name}" for name in ignored if name not in names]
    columns, ids = {}, []
    for name in names:
        if name in (target, group, *ignored):
            continue
        column = frame[name]
        is_text = not pd.api.types.is_numeric_dtype(column) and not reads_as_numbers(column)
        if name not in kept and column.is_unique and (is_text or is_nameless(name) or name == "sequence"):
            ids.append(name)
            continue
        try:
            # Padding is found below, where all steps are known.
            numbers = column_numbers(name, column.fillna(0), has_time=True)
        except TaskError as error:
            problems += error.problems
            continue
        if name not in kept and numbers_rows(numbers):
            ids.append(name)
        else:
            columns[name] = np.where(column.isna(), np.nan, numbers)
    if problems:
        raise TaskError(*problems)
    if not columns:
        raise TaskError("no column is left for the steps")
    targets = frame[target]
    require_none_missing(target, targets.isna().to_numpy())
    is_number = pd.api.types.is_numeric_dtype(targets)
    arrays: Arrays = {
        "inputs": np.stack(list(columns.values()), axis=1),
        "targets": targets.to_numpy(dtype=np.float64 if is_number else str),
    }
    if group is not None:
        arrays["groups"] = np.asarray(pd.factorize(frame[group])[0])
    notes = [f"target {target}; steps {listed(list(columns))}"]
    if ids:
        notes.append(f"columns {listed(ids)}: left out, they tell rows apart, as ids do")
    return sequences_of(arrays, config, (*read_notes, *notes))
