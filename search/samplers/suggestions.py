"""A recipe from Optuna's suggestions, one axis at a time."""

from typing import Any

import optuna

from failmap.search.space import Axis, Cell, Space


def draw_recipe(trial: optuna.Trial, space: Space, cell: Cell) -> dict[str, Any]:
    """Return the recipe that a trial's sampler suggests, as values by path."""
    chosen: dict[str, Any] = {}
    recipe = space.complete(cell, chosen)
    while missing := [path for path in recipe if path not in chosen]:
        # One axis at a time, because its value may activate others.
        axis = space.axis(missing[0])
        chosen[axis.path] = _suggest(trial, axis)
        recipe = space.complete(cell, chosen)
    return recipe


def _suggest(trial: optuna.Trial, axis: Axis) -> Any:
    if axis.values is not None:
        return axis.value_of(trial.suggest_categorical(axis.path, axis.labels))
    assert axis.low is not None
    assert axis.high is not None
    if axis.integer:
        return trial.suggest_int(axis.path, int(axis.low), int(axis.high), log=axis.log)
    return trial.suggest_float(axis.path, axis.low, axis.high, log=axis.log)
