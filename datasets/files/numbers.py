"""Columns of a table as numbers, with what is wrong where they are none."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64

from failmap.datasets.errors import TaskError
from failmap.datasets.files.checks import require_finite
from failmap.datasets.files.clock import offer_of_time


def reads_as_numbers(column: "pd.Series[Any]") -> bool:
    """Return whether most values of a column are numbers, so that others are bad cells."""
    numbers = pd.to_numeric(column.dropna().astype(str), errors="coerce")
    return bool(numbers.notna().mean() > 0.5)


def column_numbers(name: str, column: "pd.Series[Any]", *, has_time: bool) -> Float64[np.ndarray, "rows"]:
    """Return a column as numbers, in the order of the file.

    Args:
        name: Of the column.
        column: The values.
        has_time: Whether the table has a time column, so that none is offered.

    Raises:
        TaskError: It holds dates, text, some cells that are no numbers, or missing values.
    """
    offer = None if has_time else offer_of_time(name, column)
    if offer is not None:
        raise TaskError(f"column {name}: holds dates: set {offer}, or task.ignored_columns={name}")
    if not pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(column.astype(str), errors="coerce")
        is_bad = (numbers.isna() & column.notna()).to_numpy()
        if not reads_as_numbers(column):
            raise TaskError(
                f"column {name}: holds text ({str(column[is_bad].iloc[0])!r}, ...): make it numbers, or set "
                f"task.ignored_columns={name}"
            )
        if is_bad.any():
            row = int(np.argmax(is_bad))
            raise TaskError(
                f"column {name}, row {row}: {str(column.iloc[row])!r} is no number ({is_bad.sum():,} of "
                f"{len(column):,} rows; counted from 0 below the header)"
            )
        column = numbers.where(column.notna())
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    require_finite(f"column {name}", values, ("row",))
    return values
