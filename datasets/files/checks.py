"""Checks of the values and sizes of the user's arrays."""

from collections.abc import Sequence

import numpy as np
import psutil
from jaxtyping import Float64, Int64, Shaped

from failmap.datasets.errors import TaskError


def as_numbers(name: str, values: Shaped[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Return the values as float64.

    Raises:
        TaskError: They are no numbers.
    """
    if values.dtype.kind not in "fiub":
        raise TaskError(f"{name}: holds {values.dtype}, not numbers")
    return values.astype(np.float64)


def require_finite(
    name: str,
    values: Float64[np.ndarray, "..."],
    axes: Sequence[str],
    is_meant: Shaped[np.ndarray, "..."] | None = None,
) -> None:
    """Refuse missing (NaN) and infinite values.

    Args:
        name: Of the array or column.
        values: To look at.
        axes: What each dimension counts: 'sequence', 'step', ...; indices are told from 0, as numpy has them.
        is_meant: Where a value counts; elsewhere it only fills a sequence up.

    Raises:
        TaskError: Names the first such value.
    """
    wrong = ~np.isfinite(values)
    if is_meant is not None:
        wrong &= is_meant
    if not wrong.any():
        return
    where = np.argwhere(wrong)[0]
    place = ", ".join(f"{axis} {index}" for axis, index in zip(axes, where, strict=True))
    what = "a missing value" if np.isnan(values[tuple(where)]) else "an infinite value"
    raise TaskError(
        f"{name}: {what} at {place} ({wrong.sum()} in all, counted from 0): fill them in, or leave these out"
    )


def as_classes(
    name: str, labels: Float64[np.ndarray, "labels"]
) -> tuple[Int64[np.ndarray, "labels"], list[int]]:
    """Return classes numbered from 0, and their labels in ascending order.

    Raises:
        TaskError: Labels are no whole numbers, or all the same.
    """
    broken = labels[labels != np.round(labels)]
    if len(broken):
        raise TaskError(
            f"{name}: {broken[0]:g} is no whole number, so no class: set task.target=regression, or number "
            "the classes"
        )
    distinct, classes = np.unique(labels, return_inverse=True)
    if len(distinct) < 2:
        raise TaskError(
            f"{name}: all {len(labels)} labels are {distinct[0]:g}: there is nothing to tell apart"
        )
    return classes.astype(np.int64), [int(label) for label in distinct]


def as_codes(values: Shaped[np.ndarray, "items"]) -> Int64[np.ndarray, "items"]:
    """Number distinct values from 0."""
    _, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64)


def require_room(num_bytes: int, what: str) -> None:
    """Refuse values that would not fit into free memory: a few kB of a file can claim any size.

    Args:
        num_bytes: That the values take as they are stored.
        what: Whose values they are, for the message.

    Raises:
        TaskError: They do not fit.
    """
    available = psutil.virtual_memory().available
    if num_bytes > available:
        raise TaskError(f"{what}: says that it holds {num_bytes:,} bytes, and {available:,} are free")
