"""Reading of a table with named columns from any of its formats."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.checks import require_room
from failmap.datasets.files.delimited import read_delimited


def read_frame(path: Path, config: ArrayFileConfig) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a table; the named index of a .parquet file becomes columns.

    Returns:
        The table, and notes on how it was read.

    Raises:
        TaskError: It cannot be read, has no rows, or has a column twice.
    """
    try:
        if path.suffix.lower() == ".parquet":
            frame, notes = _read_parquet(path)
        else:
            frame, notes = read_delimited(path, config)
    except TaskError:
        raise
    except Exception as error:  # For a damaged file pandas and pyarrow raise errors of many types.
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise TaskError(f"no table that can be read ({reason})") from None
    if frame.empty:
        raise TaskError("the table has no rows")
    frame = frame.rename(columns=str)
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise TaskError(f"column {twice}: stands twice in the table: give each column its own name")
    return frame, notes


def _read_parquet(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Raises TaskError where the table would not fit into memory."""
    about = pq.read_metadata(path)
    require_room(about.num_rows * about.num_columns * np.dtype(np.float64).itemsize, path.name)
    frame = pd.read_parquet(path)
    index = frame.index
    named = [name for name in index.names if name is not None]
    if named:
        unnamed = [level for level, name in enumerate(index.names) if name is None]
        frame = frame.reset_index(level=unnamed, drop=True) if unnamed else frame
        return frame.reset_index(), (f"the index {', '.join(map(str, named))} is read as columns",)
    if isinstance(index, pd.DatetimeIndex) and "time" not in frame.columns:
        return frame.reset_index(names="time"), ("the nameless index of dates is read as the column time",)
    # A nameless index numbers the rows, at most in an order that they had before.
    return frame.reset_index(drop=True), ()


def is_nameless(name: str) -> bool:
    """Return whether pandas made up the name of a column."""
    return re.fullmatch(r"Unnamed: \d+", name) is not None
