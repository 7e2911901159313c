"""The parts of config.yaml that analysis needs: the axes of the map, the defaults, the budget."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import yaml
from pydantic import Field

from failmap.analysis.sequential import FIRST_LOOK
from failmap.run_folder.errors import UserError
from failmap.run_folder.objectives import Objective, parse_objectives
from failmap.run_folder.parsing import (
    MAX_CHARACTERS,
    Count,
    ParseError,
    Plain,
    YamlError,
    load_plain_data,
    one_line,
    parse_values,
    require_plain_data,
)
from failmap.run_folder.records import Values
from failmap.run_folder.storage import AnyPath
from failmap.run_folder.storage.bounded_files import read_bounded
from failmap.run_folder.wording import in_order

#: The same limit as in the search (`search/space/space.py`).
MAX_CELLS = 10_000


@dataclass(frozen=True)
class RunConfig:
    """A run's configuration, read without the classes of the search.

    Attributes:
        run: Name of the run.
        storage: Folder of the run as the user gave it.
        question: Question that the space is made to answer.
        space: Name of the space.
        x, y, facet: Paths of the map's axes; '' and None without a map.
        map_values: Values of each map axis by path, those of x and y in order.
        recipe_defaults: Default of every other axis by path.
        num_recipes: Maximum number of recipes of a cell; None if an axis is a range to draw from.
        base: Configuration of a trial as nested mappings, without the values of the axes.
        fail_after_recipes: Number of recipes that must fail before a cell fails.
        budget: Limits: trials of the run; seeds, max_seeds, recipes of a cell; facets; None if not set.
        objectives: What the run optimises; nothing if it draws a map.
        shard: '2/5' if the run has every fifth cell, starting with the second; None if it has all.
    """

    run: str
    storage: str
    question: str
    space: str
    x: str
    y: str
    facet: str | None
    map_values: dict[str, tuple[Any, ...]]
    recipe_defaults: dict[str, Any]
    num_recipes: int | None
    base: dict[str, Any]
    fail_after_recipes: int
    budget: dict[str, int | None]
    objectives: tuple[Objective, ...] = ()
    shard: str | None = None

    @property
    def is_own(self) -> bool:
        """Return whether the training function is the user's own."""
        return "own" in self.base

    @property
    def map_paths(self) -> tuple[str, ...]:
        """Return x, y and the facet, if there is one; nothing without a map."""
        if not self.x:
            return ()
        return (self.x, self.y) if self.facet is None else (self.x, self.y, self.facet)

    @property
    def seeds(self) -> int:
        """Return the number of seeds that the default recipe gets at first."""
        return int(self.budget.get("seeds") or FIRST_LOOK)

    @property
    def axis_paths(self) -> tuple[str, ...]:
        """Return every axis, those of the map first."""
        return (*self.map_paths, *self.recipe_defaults)

    def joint_values(self, path: str) -> list[Any]:
        """Return the values that the joint choices of a map axis give a path; empty unless all of them do."""
        group, _, field = path.partition(".")
        choices = self.map_values.get(group, ())
        values = [choice[field] for choice in choices if isinstance(choice, Mapping) and field in choice]
        return values if len(values) == len(choices) else []

    def setting(self, path: str) -> Any:
        """Return the value of a dotted path in the base, or None if it is left to an axis or a default."""
        value: Any = self.base
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class _Axis:
    path: str
    values: Annotated[list[Plain], Field(min_length=1)] | None = None
    default: Plain = None
    points: Annotated[int, Field(ge=2, le=1000)] = 5


@dataclass(frozen=True)
class _Map:
    x: str
    y: str
    facet: str | None = None


@dataclass(frozen=True)
class _Space:
    name: str
    axes: list[_Axis]
    map: _Map | None = None
    question: str | None = None
    base: Values | None = None
    fail_after_recipes: Count = 1
    goal: str = "grid"
    objective: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Budget:
    trials: Count | None = None
    seeds: Count | None = None
    max_seeds: Count | None = None
    recipes: Count | None = None
    facets: Count | None = None
    leaders: Count | None = None


@dataclass(frozen=True)
class _File:
    """The keys of config.yaml that are read; there are others."""

    run: str
    space: _Space
    storage: str = "runs"
    sampler: str = "grid"
    budget: _Budget | None = None
    shard: str | None = None


def read_config(path: AnyPath) -> RunConfig:
    """Read config.yaml. Raises UserError with one line if it is missing or not the configuration of a run."""
    try:
        text = read_bounded(path, 4 * MAX_CHARACTERS).decode("utf-8")
        require_plain_data(text)
        read = parse_values(_File, load_plain_data(text), "a run's configuration")
        return _run_config(read)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (YamlError, ParseError) as error:
        raise UserError(f"{path}: {error}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path}: {one_line(error)}") from None


def _run_config(read: _File) -> RunConfig:
    """Convert the file. Raises ParseError if the map has no axes or too many cells."""
    space = read.space
    axes = {axis.path: axis for axis in space.axes}
    objectives: tuple[Objective, ...] = ()
    if space.goal == "best":
        objectives = parse_objectives(space.objective or ["score"], is_own="own" in (space.base or {}))
    elif space.map is None:
        raise ParseError("not a run's configuration: space.map: is missing")
    sides = space.map or _Map("", "")
    paths = [path for path in (sides.x, sides.y, sides.facet) if path]
    values = {path: axes[path].values for path in paths if path in axes}
    listed = {path: tuple(several) for path, several in values.items() if several is not None}
    # Facets keep their order, in which the budget counts them.
    listed |= {path: tuple(in_order(listed[path])) for path in paths[:2] if path in listed}
    if len(set(paths)) < len(paths) or listed.keys() != set(paths):
        raise ParseError("not a run's configuration: space.map: each side needs an axis with values")
    if math.prod(map(len, listed.values())) > MAX_CELLS:
        raise ParseError(f"not a run's configuration: space.map: more than {MAX_CELLS:,} cells")
    others = [axis for axis in axes.values() if axis.path not in paths]
    return RunConfig(
        run=read.run,
        storage=read.storage,
        question=space.question or "",
        space=space.name,
        x=sides.x,
        y=sides.y,
        facet=sides.facet,
        map_values=listed,
        recipe_defaults={axis.path: axis.default for axis in others},
        num_recipes=_num_recipes(others, read.sampler),
        base=dict(space.base or {}),
        fail_after_recipes=space.fail_after_recipes,
        budget={} if read.budget is None else asdict(read.budget),
        objectives=objectives,
        shard=read.shard,
    )


def _num_recipes(axes: Sequence[_Axis], sampler: str) -> int | None:
    """Return the size of the grid over the axes outside the map, ignoring conditions."""
    if any(axis.values is None for axis in axes) and sampler != "grid":
        return None
    return math.prod(axis.points if axis.values is None else len(axis.values) for axis in axes)
