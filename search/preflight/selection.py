"""The selection of a few trials of every kind from a space."""

import contextlib
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from failmap.datasets.config import OwnTaskConfig
from failmap.models.config import OwnModelConfig
from failmap.search.cost import relative_cost
from failmap.search.space import Axis, Space
from failmap.search.trial.config import TrialConfig

#: Prefixes of axes whose values are different kinds of trials.
_KIND_GROUPS = ("task.name", "model.name", "model.bidirectional", "output")


@dataclass(frozen=True)
class Selection:
    """The trials to check, in order.

    Attributes:
        smallest: For each task, network, direction and output, the default recipe in its cheapest cell.
        largest: The same in the most expensive cell, if that is a different one.
        left_out: What is not checked, a line each.
    """

    smallest: tuple[TrialConfig, ...]
    largest: tuple[TrialConfig, ...]
    left_out: tuple[str, ...]


def select(space: Space, seed: int) -> Selection:
    """Select the default recipe of every task, network and output at both ends of the map."""
    kinds: dict[tuple[str, ...], list[TrialConfig]] = defaultdict(list)
    for config in _default_trials(space, seed):
        kinds[_kind(config)].append(config)
    ends = [(min(configs, key=relative_cost), max(configs, key=relative_cost)) for configs in kinds.values()]
    smallest = tuple(least for least, _ in ends)
    largest = tuple(most for least, most in ends if most != least)
    left_out = []
    between = sum(map(len, kinds.values())) - len(smallest) - len(largest)
    if between:
        left_out.append(f"{between:,} cells between the smallest and the largest of each kind")
    axes = [axis.path for axis in space.recipe_axes if not _is_kind(axis) and len(axis.grid()) > 1]
    if axes:
        left_out.append(f"values other than the default of {', '.join(axes)}")
    return Selection(smallest, largest, tuple(left_out))


def trial_name(config: TrialConfig) -> str:
    """Describe a trial: task and steps, network and size, and its output unless it is the usual one."""
    task, model, output = config.task, config.model, config.output
    # For a file, 0 means all of its steps, a number that only the file knows.
    steps = f" of {task.sequence_length} steps" * (task.sequence_length > 0)
    size = f"({model.args})" if isinstance(model, OwnModelConfig) else f"{model.depth}x{model.hidden_size}"
    steps = f" ({task.args})" if isinstance(task, OwnTaskConfig) else steps
    name = f"{task.name}{steps}, {model.name} {size}"
    if getattr(model, "bidirectional", False):
        name += ", bidirectional"
    if getattr(task, "supervision", "last") == "every_step":
        name += ", a label at every step"
    if output.activation != "none" or output.target_range != "task":
        name += f", {output.activation} on {output.target_range}"
    return f"{name}, {output.loss}"


def _default_trials(space: Space, seed: int) -> Iterator[TrialConfig]:
    """Yield the default recipe of every cell for each task, network and output that recipes may have."""
    kind_axes = [axis for axis in space.recipe_axes if _is_kind(axis)]
    for cell in space.cells():
        recipes: list[Mapping[str, Any]] = []
        for values in itertools.product(*(axis.grid() for axis in kind_axes)):
            chosen = {axis.path: value for axis, value in zip(kind_axes, values, strict=True)}
            recipe = space.complete(cell, chosen)
            if recipe not in recipes:
                recipes.append(recipe)
                # Values that are valid one by one may not fit together.
                with contextlib.suppress(ValidationError):
                    yield space.built_in_trial(cell, recipe, seed)


def _is_kind(axis: Axis) -> bool:
    return axis.path.startswith(_KIND_GROUPS) or axis.path in ("task", "model")


def _kind(config: TrialConfig) -> tuple[str, ...]:
    output = config.output
    return (
        config.task.name, config.task.target_layout, config.model.name,
        str(getattr(config.model, "bidirectional", False)),
        output.activation, output.target_range, str(output.loss),
    )  # fmt: skip
