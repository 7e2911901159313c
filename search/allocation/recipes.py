"""How many different recipes a cell has, where some settings may be without effect."""

import itertools
import math
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from failmap.search.space import Cell, Space
from failmap.search.trial.effects import can_be_idle, canonical

#: Recipes of a cell that are looked at to count the different ones.
_MAX_COUNTED = 1_000


def may_repeat(space: Space) -> bool:
    """Return whether two recipes of a cell may be the same training, by a setting without effect there."""
    return not space.is_own and any(can_be_idle(path) for axis in space.recipe_axes for path in axis.paths)


def num_different_recipes(space: Space, cell: Cell, limit: int) -> int:
    """Count the different recipes of a cell on the grid, up to a limit, which is at least 1."""
    grids = {axis.path: axis.grid() for axis in space.recipe_axes}
    repeats = may_repeat(space)
    if not repeats and not any(axis.when for axis in space.recipe_axes):
        return min(limit, math.prod(map(len, grids.values())))
    found: set[Any] = set()
    for values in itertools.islice(itertools.product(*grids.values()), _MAX_COUNTED):
        recipe = space.complete(cell, dict(zip(grids, values, strict=True)))
        # Values that are valid one by one may not fit together.
        with suppress(ValidationError):
            found.add(canonical(space.built_in_trial(cell, recipe, 0)) if repeats else str(recipe))
        if len(found) >= limit:
            break
    return max(1, len(found))
