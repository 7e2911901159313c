"""What analysis needs of a run's config.yaml: the map's axes, the defaults, the budget."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from analysis.errors import UserError
from analysis.storage import AnyPath


@dataclass(frozen=True)
class RunConfig:
    """A run's configuration, read without the search's own classes.

    Attributes:
        run: the run's name.
        storage: the folder that holds it, as the user named it.
        question: what the space was made to answer.
        space: the space's name.
        x, y, facet: the paths of the map's axes.
        map_values: the values of each map axis by path, in order.
        recipe_defaults: the default of every other axis by path.
        num_recipes: how many recipes a cell can have at most; None where an axis is a range to draw from.
        base: a trial's configuration as nested mappings, less what the axes set.
        fail_after_recipes: how many recipes must fail before a cell fails.
        budget: how far a cell is followed: seeds, max_seeds, recipes, facets, ...
        shard: '2/5' where the run takes every fifth cell only, from the second; None where it takes all.
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
    budget: dict[str, Any]
    shard: str | None = None

    @property
    def map_paths(self) -> tuple[str, ...]:
        """x, y and the facet, where there is one."""
        return (self.x, self.y) if self.facet is None else (self.x, self.y, self.facet)

    @property
    def seeds(self) -> int:
        """How many seeds a recipe gets at first."""
        return int(self.budget.get("seeds") or 4)

    @property
    def axis_paths(self) -> tuple[str, ...]:
        """Every axis, those of the map first."""
        return (*self.map_paths, *self.recipe_defaults)

    @property
    def shard_words(self) -> str:
        """'shard 2 of 5', '' where the run takes all cells."""
        index, _, count = (self.shard or "").partition("/")
        return f"shard {index} of {count}" if self.shard else ""

    def joint_values(self, path: str) -> list[Any]:
        """What the joint choices of a map axis set a dotted path to; nothing where not all of them do."""
        group, _, field = path.partition(".")
        choices = self.map_values.get(group, ())
        values = [choice[field] for choice in choices if isinstance(choice, Mapping) and field in choice]
        return values if len(values) == len(choices) else []

    def setting(self, path: str) -> Any:
        """What the base sets a dotted path to, None where it leaves it to an axis or to a default."""
        value: Any = self.base
        for key in path.split("."):
            if not isinstance(value, Mapping) or key not in value:
                return None
            value = value[key]
        return value


def read_config(path: AnyPath) -> RunConfig:
    """Reads config.yaml. Raises UserError, one line, where it is missing or not a run's."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        space = values["space"]
        axes = {axis["path"]: axis for axis in space["axes"]}
        paths = [path for path in (space["map"]["x"], space["map"]["y"], space["map"].get("facet")) if path]
        return RunConfig(
            run=str(values["run"]),
            storage=str(values.get("storage", "runs")),
            question=str(space.get("question") or ""),
            space=str(space["name"]),
            x=space["map"]["x"],
            y=space["map"]["y"],
            facet=space["map"].get("facet"),
            map_values={path: tuple(axes[path]["values"]) for path in paths},
            recipe_defaults={name: axis.get("default") for name, axis in axes.items() if name not in paths},
            num_recipes=_num_recipes(
                [axis for name, axis in axes.items() if name not in paths], values.get("sampler", "grid")
            ),
            base=dict(space.get("base") or {}),
            fail_after_recipes=int(space.get("fail_after_recipes", 1)),
            budget=dict(values.get("budget") or {}),
            shard=None if values.get("shard") is None else str(values["shard"]),
        )
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = " ".join(str(error).split())
        raise UserError(f"{path}: not YAML: {told}") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{path}: not a run's configuration: {type(error).__name__}: {error}") from None


def _num_recipes(axes: Sequence[Mapping[str, Any]], sampler: str) -> int | None:
    """The size of the grid over the axes that the map leaves open, conditions left aside."""
    choices = [axis.get("values") for axis in axes]
    if any(values is None for values in choices) and sampler != "grid":
        return None
    return math.prod(
        axis.get("points", 5) if values is None else len(values)
        for axis, values in zip(axes, choices, strict=True)
    )
