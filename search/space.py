"""Search spaces: axes, the map's axes among them, and the configurations that trials may have."""

import copy
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from failmap.datasets.config import Config
from failmap.run_folder.errors import nearest
from failmap.run_folder.parsing import flatten
from failmap.run_folder.wording import is_scale
from failmap.search.own.config import OWN, AnyTrialConfig, OwnFunction, parse_trial_config
from failmap.search.trial.config import TrialConfig

#: What a run is after: the edge of learning on its map, or each cell of a grid.
Goal = Literal["map", "grid"]
#: Larger maps can be neither searched nor read.
MAX_CELLS = 10_000
#: The work of finding the edge grows with the cube of the cells.
MAX_CELLS_OF_EDGE = 400


def alternatives(wanted: Any) -> Sequence[Any]:
    """Return the values that meet a condition, which is one value or a list of them."""
    return wanted if isinstance(wanted, list | tuple) else (wanted,)


class Axis(Config):
    """One dotted path of a trial's configuration and the values it may take.

    Either `values`, or `low` and `high`. A joint choice has the path of a group (`output`) and mappings as
    values, each of which sets several fields at once.
    """

    path: str
    values: tuple[Any, ...] | None = Field(default=None, min_length=1)
    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False
    default: Any = None
    points: int = Field(
        default=5, ge=2, le=1000, description="values of a range on a grid, its ends included"
    )
    when: dict[str, Any] = Field(default_factory=dict, description="other axes' values it is there for")

    @model_validator(mode="before")
    @classmethod
    def _default_is_first(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("values") and values.get("default") is None:
            return {**values, "default": values["values"][0]}
        return values

    @model_validator(mode="after")
    def _is_a_choice_or_a_range(self) -> "Axis":
        if (self.values is None) == (self.low is None) or (self.low is None) != (self.high is None):
            raise ValueError(f"{self.path}: an axis has either values, or low and high")
        if self.values is not None:
            if len({repr(value) for value in self.values}) < len(self.values):
                raise ValueError(f"{self.path}: a value is twice on the axis")
            if self.default not in self.values:
                raise ValueError(f"{self.path}: the default {self.default} is not among the values")
            return self
        assert self.low is not None
        assert self.high is not None
        if not self.low < self.high:
            raise ValueError(f"{self.path}: low={self.low} must be less than high={self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"{self.path}: a log range must begin above 0, not at {self.low}")
        if self.default is None:
            raise ValueError(f"{self.path}: a range needs a default: the value of the default recipe")
        if not self.low <= self.default <= self.high:
            raise ValueError(f"{self.path}: the default {self.default} is not in {self.low} to {self.high}")
        return self

    @property
    def labels(self) -> list[Any]:
        """The labels of the values, in order; none for a range."""
        return [self.label(value) for value in self.values or ()]

    @property
    def is_joint(self) -> bool:
        """Whether a value sets several fields at once."""
        return self.values is not None and isinstance(self.values[0], Mapping)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every dotted path that some value sets, in order."""
        if self.values is None:
            return (self.path,)
        return tuple(dict.fromkeys(path for value in self.values for path in self.assignments(value)))

    def values_at(self, path: str) -> list[Any]:
        """Return what the axis' values set a path to; nothing for a range."""
        assigned = [self.assignments(value) for value in self.values or ()]
        return [fields[path] for fields in assigned if path in fields]

    def label(self, value: Any) -> Any:
        """Return a value as tables and maps show it: a joint choice as one line, any other unchanged."""
        if isinstance(value, Mapping):
            return " ".join(f"{key}={inner}" for key, inner in value.items())
        return value

    def value_of(self, label: Any) -> Any:
        """Return the value that a label shows. There must be one."""
        return self.values[self.labels.index(label)] if self.values and self.is_joint else label

    def assignments(self, value: Any) -> dict[str, Any]:
        """Return what a value sets, by dotted path."""
        if isinstance(value, Mapping):
            return {f"{self.path}.{key}": inner for key, inner in value.items()}
        return {self.path: value}

    def is_active(self, assigned: Mapping[str, Any]) -> bool:
        """Return whether the axis' condition holds, given other axes and fixed fields by dotted path."""
        return all(assigned.get(path) in alternatives(wanted) for path, wanted in self.when.items())

    def from_unit(self, unit: float) -> Any:
        """Return the quantile, 0 <= unit < 1, of a uniform or log-uniform distribution over the axis."""
        if self.values is not None:
            return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]
        assert self.low is not None
        assert self.high is not None
        if self.integer and not self.log:
            return min(int(self.low + unit * (self.high - self.low + 1)), int(self.high))
        if self.log:
            value = math.exp(math.log(self.low) + unit * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + unit * (self.high - self.low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else value

    def grid(self) -> list[Any]:
        """Return the values of a grid: the default, then the others by their distance from it."""
        if self.values is not None:
            return [self.default, *(value for value in self.values if value != self.default)]
        drawn = (self.from_unit(point / (self.points - 1)) for point in range(self.points))
        # Rounded to 12 digits, so that 0.001 is not 0.0009999999999999998.
        values = {float(f"{value:.12g}") if isinstance(value, float) else value for value in drawn}
        scale = math.log if self.log else float
        return [
            self.default,
            *sorted(values - {self.default}, key=lambda value: abs(scale(value) - scale(self.default))),
        ]


def can_have_edge(axes: Iterable[Axis], map_paths: Mapping[str, str | None]) -> bool:
    """Return whether x or y has several numbers, between two of which learning may end."""
    x_and_y = (axis for axis in axes if axis.path in (map_paths.get("x"), map_paths.get("y")))
    return any(axis.values and len(axis.values) > 1 and is_scale(axis.values) for axis in x_and_y)


class MapAxes(Config):
    """The paths of a map's two axes, and of the facet, for each value of which it is drawn once."""

    x: str
    y: str
    facet: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths, the facet last."""
        return (self.x, self.y) if self.facet is None else (self.x, self.y, self.facet)


@dataclass(frozen=True)
class Cell:
    """One point on the map's axes and facet, as (path, label) pairs."""

    labels: tuple[tuple[str, Any], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the labels by path."""
        return dict(self.labels)

    @property
    def values(self) -> tuple[Any, ...]:
        """The labels without their paths, in the order of the map's paths."""
        return tuple(label for _, label in self.labels)

    def __str__(self) -> str:
        return " ".join(f"{path.rpartition('.')[2]}={label}" for path, label in self.labels)


class Space(Config):
    """A search space.

    Attributes:
        base: A trial's configuration as nested mappings, less what the axes set. For an own training
            function: `own`, the function, and `settings`, the fixed values by dotted path.
    """

    name: str
    question: str = ""
    map: MapAxes
    axes: tuple[Axis, ...]
    base: dict[str, dict[str, Any]]
    goal: Goal = Field(
        default="grid",
        description="map: the edge of learning first, and the cells beyond it inferred; grid: cell by cell",
    )
    fail_after_recipes: int = Field(
        default=1, ge=1, description="recipes, the default one included, that must fail before a cell 'fails'"
    )

    def cell(self, labels: Mapping[str, Any]) -> Cell:
        """Return the cell with these labels, by path. Labels of other paths are ignored."""
        return Cell(tuple((path, labels[path]) for path in self.map.paths))

    def axis(self, path: str) -> Axis:
        """Return the axis of a path."""
        return next(axis for axis in self.axes if axis.path == path)

    @model_validator(mode="after")
    def _map_can_be_drawn(self) -> "Space":
        axes = {axis.path: axis for axis in self.axes}
        problems, num_cells = [], 1
        for key, path in self.map.model_dump(exclude_none=True).items():
            axis = axes.get(path)
            if self.map.paths.count(path) > 1:
                problems.append(f"map.{key}={path}: is twice on the map")
            elif axis is None:
                problems.append(f"map.{key}={path}: is no axis{nearest(path, axes)}")
            elif axis.values is None:
                problems.append(f"map.{key}={path}: is a range, and a map needs a list of values")
            elif axis.when:
                when = "has a condition (when); a map's axis must be there in every cell"
                problems.append(f"map.{key}={path}: {when}")
            else:
                num_cells *= len(axis.values)
        if num_cells > MAX_CELLS:
            many = f"{num_cells:,} cells, more than {MAX_CELLS:,}"
            problems.append(f"map: has {many}: give its axes fewer values")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @model_validator(mode="after")
    def _has_an_edge(self) -> "Space":
        num_cells = math.prod(len(axis.values or ()) for axis in self.map_axes)
        if self.goal == "map" and num_cells > MAX_CELLS_OF_EDGE:
            raise ValueError(
                f"goal=map: the map has {num_cells:,} cells, more than {MAX_CELLS_OF_EDGE}: "
                "give its axes fewer values, or goal=grid"
            )
        if self.goal == "map" and not can_have_edge(self.axes, self.map.model_dump()):
            raise ValueError(
                f"goal=map: neither {self.map.x} nor {self.map.y} has two numbers or more, between which "
                "learning could end: give one of them more values, or goal=grid"
            )
        return self

    @property
    def map_axes(self) -> tuple[Axis, ...]:
        """The axes x and y, and the facet."""
        return tuple(self.axis(path) for path in self.map.paths)

    @property
    def recipe_axes(self) -> tuple[Axis, ...]:
        """The axes that are not on the map, each behind those that its condition is about."""
        return tuple(axis for axis in self.axes if axis.path not in self.map.paths)

    def cells(self) -> Iterator[Cell]:
        """Yield every cell, facet by facet, each row by row."""
        x, y, *facet = self.map_axes
        axes = (*facet, y, x)
        for labels in itertools.product(*(axis.labels for axis in axes)):
            yield self.cell({axis.path: label for axis, label in zip(axes, labels, strict=True)})

    def default_recipe(self, cell: Cell) -> dict[str, Any]:
        """Return the default of every recipe axis whose condition holds in a cell, by path."""
        return self.complete(cell, {})

    def complete(self, cell: Cell, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return a recipe: chosen values, else defaults, of all axes whose condition holds in a cell."""
        assigned = self.fixed
        for path, label in cell.labels:
            axis = self.axis(path)
            assigned.update(axis.assignments(axis.value_of(label)))
        recipe: dict[str, Any] = {}
        for axis in self.recipe_axes:
            if axis.is_active(assigned):
                recipe[axis.path] = chosen.get(axis.path, axis.default)
                assigned.update(axis.assignments(recipe[axis.path]))
        return recipe

    def recipe_labels(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Return a recipe as tables show it."""
        return {path: self.axis(path).label(value) for path, value in recipe.items()}

    def recipe_values(self, labels: Mapping[str, Any]) -> dict[str, Any]:
        """Return the recipe that labels show: the inverse of `recipe_labels`."""
        return {path: self.axis(path).value_of(label) for path, label in labels.items()}

    def trial_values(self, cell: Cell, recipe: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """Return a trial's configuration as nested mappings, not validated."""
        values = copy.deepcopy(self.base)
        if self.is_own:
            values.setdefault("settings", {})
        chosen = {path: self.axis(path).value_of(label) for path, label in cell.labels} | dict(recipe)
        for path, value in chosen.items():
            for target, inner in self.axis(path).assignments(value).items():
                # The names of an own function's settings may have dots or none.
                *groups, name = ("settings", target) if self.is_own else target.split(".")
                owner: dict[str, Any] = values
                for group in groups:
                    owner = owner.setdefault(group, {})
                owner[name] = inner
        return {**values, "seed": seed}

    def trial_config(self, cell: Cell, recipe: Mapping[str, Any], seed: int) -> AnyTrialConfig:
        """Return the configuration of one trial.

        Raises:
            ValidationError: No trial may have these values.
        """
        return parse_trial_config(self.trial_values(cell, recipe, seed))

    def built_in_trial(self, cell: Cell, recipe: Mapping[str, Any], seed: int) -> TrialConfig:
        """Return the configuration of one trial of a space whose training is not the user's own.

        Raises:
            ValidationError: No trial may have these values.
        """
        return TrialConfig.model_validate(self.trial_values(cell, recipe, seed))

    @property
    def own(self) -> OwnFunction | None:
        """The user's own training function; None for a built-in training."""
        return OwnFunction.model_validate(self.base[OWN]) if self.is_own else None

    @property
    def is_own(self) -> bool:
        """Whether trials are trained by the user's own function."""
        return OWN in self.base

    @property
    def fixed(self) -> dict[str, Any]:
        """The values that all trials share, by dotted path."""
        return dict(self.base.get("settings", {})) if self.is_own else dict(flatten(self.base))
