"""Which trials of a space are looked at: few, but of every kind. Knows no torch."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from failmap.search.cost import relative_cost
from failmap.search.space import Axis, Cell, Space
from failmap.search.trial.config import TrialConfig

#: Axes whose every value is a kind of its own.
_KIND_GROUPS = ("task.name", "model.name", "output")


@dataclass(frozen=True)
class Candidate:
    """A trial that stands for many."""

    name: str
    config: TrialConfig


@dataclass(frozen=True)
class Selection:
    """The trials to look at, the first to be checked first.

    Attributes:
        smallest: of every task, network and output the default recipe in its cheapest cell.
        largest: in its dearest, where that is another one.
        left_out: what is not looked at, a line each.
    """

    smallest: tuple[Candidate, ...]
    largest: tuple[Candidate, ...]
    left_out: tuple[str, ...]


def select(space: Space, seed: int) -> Selection:
    """Picks the trials: the default recipe at both ends of the map, of every task, network and output."""
    kinds: dict[tuple[str, ...], list[TrialConfig]] = {}
    num_trials = 0
    for config in _default_trials(space, seed):
        num_trials += 1
        kinds.setdefault(_kind(config), []).append(config)
    ends = [(min(configs, key=relative_cost), max(configs, key=relative_cost)) for configs in kinds.values()]
    smallest = tuple(Candidate(trial_name(least), least) for least, _ in ends)
    largest = tuple(Candidate(trial_name(most), most) for least, most in ends if most != least)
    left_out = []
    between = num_trials - len(smallest) - len(largest)
    if between:
        left_out.append(f"{between:,} cells between the smallest and the largest of each kind")
    axes = [axis.path for axis in space.recipe_axes if not _is_kind(axis) and len(axis.grid()) > 1]
    if axes:
        left_out.append(f"values other than the default of {', '.join(axes)}")
    return Selection(smallest, largest, tuple(left_out))


def trial_name(config: TrialConfig) -> str:
    """A trial in a few words: task and steps, network and size, and its output where it is not the usual."""
    task, model, output = config.task, config.model, config.output
    # A file shows all its steps for 0, and only the file knows how many these are.
    steps = f" of {task.sequence_length} steps" * (task.sequence_length > 0)
    words = f"{task.name}{steps}, {model.name} {model.depth}x{model.hidden_size}"
    if getattr(task, "supervision", "last") == "every_step":
        words += ", a label at every step"
    if output.activation != "none" or output.target_range != "task":
        words += f", {output.activation} on {output.target_range}"
    return f"{words}, {output.loss}"


def _default_trials(space: Space, seed: int) -> Iterator[TrialConfig]:
    """The default recipe of every cell, once for each task, network and output that recipes may have."""
    kind_axes = [axis for axis in space.recipe_axes if _is_kind(axis)]
    for cell in space.cells():
        recipes: list[Mapping[str, Any]] = []
        for values in itertools.product(*(axis.grid() for axis in kind_axes)):
            chosen = {axis.path: value for axis, value in zip(kind_axes, values, strict=True)}
            recipe = space.complete(cell, chosen)
            if recipe not in recipes:
                recipes.append(recipe)
                yield from _valid(space, cell, recipe, seed)


def _valid(space: Space, cell: Cell, recipe: Mapping[str, Any], seed: int) -> Iterator[TrialConfig]:
    """The trial of a recipe, unless it is a combination that no trial may have."""
    try:
        yield space.trial_config(cell, recipe, seed)
    except ValidationError:
        return


def _is_kind(axis: Axis) -> bool:
    return axis.path.startswith(_KIND_GROUPS) or axis.path in ("task", "model")


def _kind(config: TrialConfig) -> tuple[str, ...]:
    output = config.output
    return (
        config.task.name, config.task.target_layout, config.model.name,
        output.activation, output.target_range, str(output.loss),
    )  # fmt: skip
