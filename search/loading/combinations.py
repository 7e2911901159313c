"""Validation of the combinations of values that a run could give a trial: all, or all pairs."""

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from failmap.datasets.config import TaskConfig
from failmap.datasets.criterion import check_criterion
from failmap.search.loading.validation import shown, translate
from failmap.search.space import Axis, Cell, Space, alternatives
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.effects import can_be_idle, idle_settings

#: Above this number of combinations each recipe value is tried in every cell, and each pair in the first one.
#: A combination that only a third value makes impossible is then passed over when it is drawn.
MAX_COMBINATIONS, MAX_PAIRS = 4_000, 20_000


def impossible_combinations(space: Space) -> list[str]:
    """Return a line for each mistake that values make together, with the first such combination."""
    first: dict[str, str] = {}
    failed: Counter[str] = Counter()
    tried = 0
    for cell, recipe in combinations(space):
        tried += 1
        for problem in _problems(space, cell, recipe):
            first.setdefault(problem, _as_arguments(space, cell, recipe))
            failed[problem] += 1
    return [
        problem
        if failed[problem] == tried
        else f"{problem} (with {first[problem]}); keep such values apart with `when:` or a joint choice"
        for problem in first
    ]


def _problems(space: Space, cell: Cell, recipe: dict[str, Any]) -> list[str]:
    """Return why no trial may have a recipe in a cell."""
    values = space.trial_values(cell, recipe, seed=0)
    try:
        config = TrialConfig.model_validate(values)
    except ValidationError as error:
        return translate(error, TrialConfig, values)
    num_evaluations = math.ceil(config.train.max_updates / config.train.evaluate_every)
    if config.criterion.in_a_row > num_evaluations:
        many = f"train.max_updates={config.train.max_updates} has {num_evaluations} evaluations"
        return [f"criterion.in_a_row={config.criterion.in_a_row}: {many}, so that nothing could be learned"]
    return _criterion_problems(config.task, config.criterion.score, num_evaluations)


@lru_cache(maxsize=1024)
def _criterion_problems(task: TaskConfig, score: float | None, num_evaluations: int) -> list[str]:
    """Return why chance alone could meet a task's criterion. Cached: most combinations share their task."""
    try:
        check_criterion(task, num_evaluations, score)
    except ValueError as error:
        return [str(error)]
    return []


def combinations(space: Space) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Yield every cell with every recipe; if those are too many, with each recipe value and pairs of them."""
    cells = list(space.cells())
    choices = [_values_to_try(axis) for axis in space.recipe_axes]
    paths = [axis.path for axis in space.recipe_axes]
    num_recipes = math.prod(map(len, choices))
    every_recipe = (dict(zip(paths, values, strict=True)) for values in itertools.product(*choices))
    if len(cells) * num_recipes <= MAX_COMBINATIONS:
        for chosen in every_recipe:
            yield from ((cell, space.complete(cell, chosen)) for cell in cells)
        return
    # The values of each axis; one with a condition exists only if the recipe meets it.
    by_axis = [
        [{**_condition(axis, paths), axis.path: value} for value in values]
        for axis, values in zip(space.recipe_axes, choices, strict=True)
    ]
    for cell in cells:
        yield from ((cell, space.complete(cell, chosen)) for chosen in ({}, *itertools.chain(*by_axis)))
    if num_recipes <= MAX_COMBINATIONS:
        yield from ((cells[0], space.complete(cells[0], chosen)) for chosen in every_recipe)
        return
    pairs = (
        {**one, **other}
        for first, second in itertools.combinations(by_axis, 2)
        for one, other in itertools.product(first, second)
    )
    for chosen in itertools.islice(pairs, MAX_PAIRS):
        yield cells[0], space.complete(cells[0], chosen)


def _condition(axis: Axis, paths: Collection[str]) -> dict[str, Any]:
    """Return values of other recipe axes with which an axis exists."""
    return {path: alternatives(wanted)[0] for path, wanted in axis.when.items() if path in paths}


def _values_to_try(axis: Axis) -> list[Any]:
    """Return all values of a choice; both ends and the default of a range."""
    if axis.values is not None:
        return list(axis.values)
    low, high = (int(end) if axis.integer else end for end in (axis.low or 0, axis.high or 0))
    return list(dict.fromkeys([axis.default, low, high]))


def _as_arguments(space: Space, cell: Cell, recipe: dict[str, Any]) -> str:
    """Return a combination as arguments: the cell, and what the recipe has beside defaults."""
    default = space.default_recipe(cell)
    unusual = {path: value for path, value in recipe.items() if default.get(path, value) != value}
    return " ".join(f"{path}={shown(value)}" for path, value in (cell.as_dict() | unusual).items())


def settings_without_effect(space: Space) -> list[str]:
    """Return a line for each setting that no trial reads, of those that differ from the default."""
    # Each path with what would be written for it.
    written = {
        f"{group}.{name}": f"{group}.{name}={shown(value)}"
        for group, fields in space.base.items()
        for name, value in fields.items()
    }
    for axis in space.axes:
        for path in axis.paths:
            values = [axis.low, axis.high] if axis.values is None else axis.values_at(path)
            written[path] = f"{path}={shown(list(dict.fromkeys(values)))}"
    open_paths = {path for path in written if can_be_idle(path)}
    reasons: dict[str, str] = {}
    for cell, recipe in combinations(space) if open_paths else ():
        with suppress(ValidationError):
            config = space.built_in_trial(cell, recipe, seed=0)
            idle = idle_settings(config)
            open_paths -= {path for path in open_paths if path not in idle and _has(config, path)}
            reasons |= {path: reason for path, reason in idle.items() if not _is_default(config, path)}
        if not open_paths:
            return []
    return [
        f"{written[path]} has no effect: {reasons[path]}"
        for path in written
        if path in open_paths and path in reasons
    ]


def _has(config: TrialConfig, path: str) -> bool:
    group, _, name = path.partition(".")
    return hasattr(getattr(config, group), name)


def _is_default(config: TrialConfig, path: str) -> bool:
    group, _, name = path.partition(".")
    part = getattr(config, group)
    return bool(getattr(part, name) == type(part).model_fields[name].default)
