"""Checks of the values and sizes of the user's arrays."""

from collections.abc import Sequence

import numpy as np
import psutil
from jaxtyping import Float64, Shaped

from failmap.datasets.errors import TaskError


def as_numbers(name: str, values: Shaped[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Return the values as float64.

    Raises:
        TaskError: They are not numbers.
    """
    if values.dtype.kind not in "fiub":
        kinds = {"U": "texts", "S": "texts", "T": "texts", "M": "dates", "m": "durations", "O": "objects"}
        raise TaskError(f"{name}: holds {kinds.get(values.dtype.kind, str(values.dtype))}, not numbers")
    return values.astype(np.float64)


def require_finite(
    name: str,
    values: Float64[np.ndarray, "..."],
    axes: Sequence[str],
    is_used: Shaped[np.ndarray, "..."] | bool = True,
) -> None:
    """Refuse missing (NaN) and infinite values.

    Args:
        name: Of the array or column.
        values: The values.
        axes: What each dimension counts: 'sequence', 'step', ...; the message gives indices from 0.
        is_used: Where a value is used; elsewhere it is padding.

    Raises:
        TaskError: Names the first such value.
    """
    wrong = ~np.isfinite(values) & is_used
    if not wrong.any():
        return
    first = np.argwhere(wrong)[0]
    location = ", ".join(f"{axis} {index}" for axis, index in zip(axes, first, strict=True))
    what = "a missing value" if np.isnan(values[tuple(first)]) else "an infinite value"
    raise TaskError(
        f"{name}: {what} at {location} ({wrong.sum()} in all, counted from 0): fill them in, or leave these "
        "out"
    )


def require_room(num_bytes: int, what: str) -> None:
    """Refuse values that would not fit into free memory: a few kB of a file can claim any size.

    Args:
        num_bytes: Size of the values in memory.
        what: The file, for the message.

    Raises:
        TaskError: They do not fit.
    """
    available = psutil.virtual_memory().available
    if num_bytes > available:
        raise TaskError(f"{what}: says that it holds {num_bytes:,} bytes, and {available:,} are free")
