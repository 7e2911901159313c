"""The numeric axes of a surface, and the units in which distances along them are measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from failmap.run_folder.wording import is_scale

#: Ends of the paths of lengths, along which learning is expected to fail sooner or later.
_LENGTHS = ("length", "delay")
#: Ends of the paths of other axes on which ratios count.
_RATIOS = ("size", "updates")
#: Values that are apart by this factor or more are compared by their ratios.
_WIDE_FACTOR = 4


@dataclass(frozen=True)
class SurfaceAxis:
    """One numeric axis.

    Attributes:
        is_log: Whether distances are ratios: one unit is a doubling.
        may_fall: Whether P(learn) is expected to fall along it. Data may say otherwise.
        unit: Length of one unit on a linear axis: one layer of a depth.
    """

    is_log: bool
    may_fall: bool = False
    unit: float = 1.0

    def position(self, values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return values in units: doublings, layers."""
        return np.log2(values) if self.is_log else values / self.unit

    def value(self, positions: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return the values at positions."""
        return np.exp2(positions) if self.is_log else positions * self.unit


def surface_axis(path: str, values: Sequence[Any]) -> SurfaceAxis | None:
    """Return the axis of a path, or None if its values are categories.

    Args:
        path: Dotted path: `task.sequence_length`.
        values: Its values on the map. Numbers, at least two of them distinct, make an axis.
    """
    if not is_scale(values) or len(set(values)) < 2:
        return None
    low, high = min(values), max(values)
    name = path.rpartition(".")[2]
    is_length = name.endswith(_LENGTHS)
    is_wide = low > 0 and high / low >= _WIDE_FACTOR
    if low > 0 and (is_length or name.endswith(_RATIOS) or (is_wide and name != "depth")):
        return SurfaceAxis(is_log=True, may_fall=is_length)
    unit = 1.0 if name == "depth" else (high - low) / (len(set(values)) - 1)
    return SurfaceAxis(is_log=False, may_fall=is_length, unit=unit)


def numeric_axes(paths: Sequence[str], values: Sequence[Sequence[Any]]) -> tuple[SurfaceAxis | None, ...]:
    """Return the axis of each path of a map, None where its values are categories."""
    return tuple(surface_axis(path, listed) for path, listed in zip(paths, values, strict=True))
