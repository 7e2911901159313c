"""Puts axes in an order in which each stands after the axes that its condition asks about."""

from collections.abc import Sequence

from failmap.search.space import Axis


class OrderError(ValueError):
    """Conditions that depend on one another in a circle."""


def in_order_of_conditions(axes: Sequence[Axis]) -> list[Axis]:
    """The same axes; those without conditions keep their places.

    Raises:
        OrderError: two conditions depend on one another.
    """
    setters = {path: axis.path for axis in axes for path in axis.paths}
    waiting, ordered = list(axes), list[Axis]()
    while waiting:
        open_paths = {axis.path for axis in waiting}
        ready = [axis for axis in waiting if not any(setters.get(path) in open_paths for path in axis.when)]
        if not ready:
            circle = ", ".join(axis.path for axis in waiting)
            raise OrderError(f"{circle}: their conditions (when) depend on one another")
        ordered.append(ready[0])
        waiting.remove(ready[0])
    return ordered
