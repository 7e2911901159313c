"""A search space: its axes, the map's axes among them, and the configurations that trials may have."""

import copy
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from failmap.datasets.config import Config
from failmap.run_folder.errors import nearest
from failmap.run_folder.objectives import Objective, parse_objectives
from failmap.run_folder.parsing import flatten
from failmap.search.own.config import OWN, AnyTrialConfig, OwnFunction, parse_trial_config
from failmap.search.space.axis import Axis, can_have_edge
from failmap.search.space.cell import Cell, MapAxes
from failmap.search.trial.config import TrialConfig

#: What a run finds: the edge of learning on its map, a verdict on each cell of a grid, or the best recipe.
Goal = Literal["map", "grid", "best"]
#: Larger maps can be neither searched nor read.
MAX_CELLS = 10_000
#: CMA-ES adapts a matrix of so many dimensions at least.
LEAST_FREE_RANGES = 2
#: The work of finding the edge grows with the cube of the cells.
MAX_CELLS_OF_EDGE = 400


class Space(Config):
    """A search space.

    Attributes:
        base: A trial's configuration as nested mappings, less what the axes set. For an own training
            function: `own`, the function, and `settings`, the fixed values by dotted path.
    """

    name: str
    question: str = ""
    map: MapAxes | None = None
    axes: tuple[Axis, ...]
    base: dict[str, dict[str, Any]]
    goal: Goal = Field(
        default="grid",
        description="map: the edge of learning first, and the cells beyond it inferred; grid: cell by cell; "
        "best: the recipe with the best objective, over all axes (docs/best.md)",
    )
    objective: tuple[str, ...] = Field(
        default=(),
        description="with goal=best: score, validation_loss, train_loss, mean_squared_error, cross_entropy; "
        "several for a front, as score,parameters or score,seconds (none: score)",
    )
    fail_after_recipes: int = Field(
        default=1, ge=1, description="recipes, the default one included, that must fail before a cell 'fails'"
    )

    def cell(self, labels: Mapping[str, Any]) -> Cell:
        """Return the cell with these labels, by path. Labels of other paths are ignored."""
        return Cell(tuple((path, labels[path]) for path in self.map_paths))

    def axis(self, path: str) -> Axis:
        """Return the axis of a path."""
        return next(axis for axis in self.axes if axis.path == path)

    @model_validator(mode="after")
    def _goal_has_what_it_needs(self) -> "Space":
        if self.goal == "best":
            assert self.map is None, "a run of goal=best has no map"
            parse_objectives(self._objective_texts, is_own=self.is_own)
            if not self.axes:
                raise ValueError("goal=best: there is no axis: give a setting several values, or a range")
        elif self.map is None:
            raise ValueError("map: is missing: {x: PATH, y: PATH}, or goal=best, which needs no map")
        elif self.objective:
            raise ValueError("objective: is of goal=best alone; a map counts what meets the criterion")
        return self

    @model_validator(mode="after")
    def _map_can_be_drawn(self) -> "Space":
        if self.map is None:
            return self
        axes = {axis.path: axis for axis in self.axes}
        problems, num_cells = [], 1
        for key, path in self.map.model_dump(exclude_none=True).items():
            axis = axes.get(path)
            if self.map_paths.count(path) > 1:
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
        if self.map is None:
            return self
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
    def map_paths(self) -> tuple[str, ...]:
        """The paths of x and y, and of the facet; none without a map."""
        return () if self.map is None else self.map.paths

    @property
    def map_roles(self) -> dict[str, str]:
        """The paths of the map by their sides: x, y and facet; none without a map."""
        return {} if self.map is None else self.map.model_dump(exclude_none=True)

    @property
    def map_axes(self) -> tuple[Axis, ...]:
        """The axes x and y, and the facet; none without a map."""
        return tuple(self.axis(path) for path in self.map_paths)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The numbers to optimise; none unless the goal is `best`."""
        if self.goal != "best":
            return ()
        return parse_objectives(self._objective_texts, is_own=self.is_own)

    @property
    def _objective_texts(self) -> tuple[str, ...]:
        return self.objective or ("score",)

    @property
    def free_ranges(self) -> tuple[Axis, ...]:
        """The axes that are ranges and part of every recipe, which CMA-ES can adapt to."""
        return tuple(axis for axis in self.recipe_axes if axis.values is None and not axis.when)

    @property
    def recipe_axes(self) -> tuple[Axis, ...]:
        """The axes that are not on the map, each behind those that its condition is about."""
        return tuple(axis for axis in self.axes if axis.path not in self.map_paths)

    def cells(self) -> Iterator[Cell]:
        """Yield every cell, facet by facet, each row by row; without a map, one cell of no labels."""
        axes = self.map_axes[2:] + self.map_axes[1::-1]
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
