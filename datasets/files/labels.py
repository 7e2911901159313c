"""Text labels as numbers, and words for notes."""

from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

#: Labels that a note lists.
_NUM_LISTED = 8


def number_labels(
    texts: Shaped[np.ndarray, "*shape"],
) -> tuple[Float64[np.ndarray, "*shape"], str]:
    """Number texts from 0 in sorted order.

    Returns:
        Their numbers, and a note that says which text has which.
    """
    distinct, numbers = np.unique(texts.astype(str), return_inverse=True)
    listed = ", ".join(f"{number} {text}" for number, text in enumerate(distinct[:_NUM_LISTED]))
    more = ", ..." if len(distinct) > _NUM_LISTED else ""
    numbered: Float64[np.ndarray, "*shape"] = numbers.reshape(texts.shape).astype(np.float64)
    return numbered, f"text labels are numbered in sorted order: {listed}{more}"


def is_text(values: Shaped[np.ndarray, "..."]) -> bool:
    """Return whether an array holds texts."""
    return values.dtype.kind in "UST"


def counted(number: int, what: str) -> str:
    """Return a number of things, as in '1 feature' or '1,200 features'."""
    return f"{number:,} {what}{'' if number == 1 or what == 'series' else 's'}"


def listed(names: "tuple[Any, ...] | list[Any]") -> str:
    """Return names as a list for a note, shortened if they are many."""
    shown = ", ".join(map(str, names[:_NUM_LISTED]))
    return shown + (f", ... ({len(names):,} in all)" if len(names) > _NUM_LISTED else "")
