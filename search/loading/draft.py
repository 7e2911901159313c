"""A space while it is put together: axes and fixed values as they were written, not yet checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from failmap.datasets.config import TASK_CONFIGS
from failmap.run_folder.errors import nearest
from failmap.search.loading.cli_args import Word
from failmap.search.loading.fields import GROUPS, KINDS, Chosen
from failmap.search.space import Axis
from failmap.search.trial.config import NATURAL_LOSS

#: Keys of a space's file.
SPACE_KEYS = ("question", "task", "model", "map", "axes", "fixed", "fail_after_recipes")
#: Keys that describe an axis, in a file or after an axis' path in a word.
AXIS_KEYS = tuple(name for name in Axis.model_fields if name != "path")


@dataclass
class Draft:
    """A space as its file and the words ask for it.

    Attributes:
        name: the file's.
        axes: what describes each axis, by dotted path.
        fixed: values by dotted path.
        origins: the file and section in which an axis or a value was written, by dotted path; empty for
            one that a word set.
    """

    name: str
    question: Any = ""
    map: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, dict[str, Any]] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    fail_after_recipes: Any = 1
    origins: dict[str, str] = field(default_factory=dict)

    @property
    def map_paths(self) -> list[str]:
        """The map's paths, as far as they are written."""
        return [path for path in self.map.values() if isinstance(path, str)]

    def set_axis(self, path: str, description: dict[str, Any], origin: str = "") -> None:
        """Makes a path an axis."""
        self.fixed.pop(path, None)
        self.axes[path] = description
        self.origins[path] = origin

    def set_value(self, path: str, value: Any, origin: str = "") -> None:
        """Pins a path to one value. A map axis, or one with a condition, stays an axis of a single value."""
        if path in self.map_paths or self.axes.get(path, {}).get("when"):
            when = self.axes.get(path, {}).get("when")
            self.set_axis(path, {"values": [value], **({"when": when} if when else {})}, origin)
        else:
            self.axes.pop(path, None)
            self.fixed[path] = value
            self.origins[path] = origin

    def names(self, group: str) -> list[str]:
        """The kinds of a group (task or model) that trials may have."""
        values = [self.fixed.get(f"{group}.name")]
        values += self.axes.get(f"{group}.name", {}).get("values") or []
        for value in self.axes.get(group, {}).get("values") or []:
            values += [value.get("name")] if isinstance(value, Mapping) else []
        return list(dict.fromkeys(value for value in values if isinstance(value, str)))


def draft_from_file(name: str, content: Mapping[str, Any], problems: list[str], source: str) -> Draft:
    """The draft that a space's file asks for. What is no space is added to the problems."""
    draft = Draft(name)
    unknown = [key for key in content if key not in SPACE_KEYS]
    problems += (f"{source}: {key}: unknown key{nearest(key, SPACE_KEYS)}" for key in unknown)
    sections = {}
    for key in ("map", "axes", "fixed"):
        section = content.get(key) or {}
        if not isinstance(section, Mapping):
            problems.append(f"{source}: {key}: must be a mapping")
            section = {}
        sections[key] = {str(path): value for path, value in section.items()}
    draft.question = content.get("question", "")
    draft.fail_after_recipes = content.get("fail_after_recipes", 1)
    draft.map = sections["map"]
    for group in KINDS:
        if group in content:
            draft.set_value(f"{group}.name", content[group], source)
    for path, value in sections["fixed"].items():
        draft.set_value(path, value, f"{source}: fixed")
    for path, value in sections["axes"].items():
        if path in draft.fixed:
            problems.append(f"{source}: {path}: stands under axes and under fixed")
        draft.set_axis(path, describe_axis(path, value), f"{source}: axes")
    return draft


def apply_word(draft: Draft, word: Word) -> None:
    """Sets what a word asks for: a value, an axis, a part of an axis' description, or the map."""
    path, value = word.key, word.value
    owner, _, last = path.rpartition(".")
    if owner == "map":
        draft.map[last] = None if value == "none" and last == "facet" else value
    elif last in AXIS_KEYS and ("." in owner or owner in draft.axes):
        draft.set_axis(owner, _amended(draft, owner, last, value))
    elif path in KINDS and not isinstance(word.values[0], Mapping):
        _set(draft, f"{path}.name", word)
    elif path in GROUPS and isinstance(value, Mapping) and not _describes_axis(value):
        for key, inner in value.items():
            draft.set_value(f"{path}.{key}", inner)
    else:
        _set(draft, path, word)


def describe_axis(path: str, value: Any) -> dict[str, Any]:
    """What describes an axis: a list is its values, a mapping describes it, or is a single joint choice."""
    if isinstance(value, Mapping) and (path not in GROUPS or _describes_axis(value)):
        description = {str(key): inner for key, inner in value.items()}
        if not isinstance(description.get("values", []), list):
            description["values"] = [description["values"]]
        return description
    return {"values": value if isinstance(value, list) else [value]}


def _set(draft: Draft, path: str, word: Word) -> None:
    for value in word.values:
        for key in value if isinstance(value, Mapping) and path in GROUPS else ():
            draft.axes.pop(f"{path}.{key}", None)
            draft.fixed.pop(f"{path}.{key}", None)
    if isinstance(word.value, Mapping):
        draft.set_axis(path, describe_axis(path, word.value))
    elif len(word.values) == 1 and not isinstance(word.values[0], Mapping):
        draft.set_value(path, word.values[0])
    else:
        when = draft.axes.get(path, {}).get("when")
        draft.set_axis(path, {"values": word.values, **({"when": when} if when else {})})


def _amended(draft: Draft, path: str, key: str, value: Any) -> dict[str, Any]:
    """An axis' description with one key changed: a range takes the place of values, and values of a range."""
    description = dict(draft.axes.get(path, {}))
    if key in ("low", "high") and "values" in description:
        description.setdefault("default", description.pop("values")[0])
    if key == "values":
        description = {"when": description["when"]} if "when" in description else {}
        value = value if isinstance(value, list) else [value]
    if path in draft.fixed:
        description.setdefault("default", draft.fixed[path])
    return {**description, key: value}


def _describes_axis(value: Mapping[str, Any]) -> bool:
    return any(key in AXIS_KEYS for key in value)


def default_of(chosen: Chosen, path: str) -> Any:
    """What a field is where nobody sets it, or None where it has no default."""
    group, _, field = path.partition(".")
    for kind in chosen.kinds(group).values():
        default = kind.model_fields[field].default
        return default if isinstance(default, int | float | str | bool) else None
    return None


def complete_base(
    chosen: Chosen, fixed: Mapping[str, Any], axes: Sequence[Axis]
) -> dict[str, dict[str, Any]]:
    """A trial's configuration as nested mappings, less what the axes set in every trial.

    Where trials differ in task or network, the base has the settings that all of them share.
    """
    always_set = {path for axis in axes if not axis.when for path in _targets(axis)}
    base: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        kinds = list(chosen.kinds(group).values())
        defaults = [{name: field.default for name, field in kind.model_fields.items()} for kind in kinds]
        shared = {
            name: default
            for name, default in (defaults[0] if defaults else {}).items()
            if name != "name" and all(name in other and other[name] == default for other in defaults)
        }
        values = shared | {
            path.partition(".")[2]: value for path, value in fixed.items() if path.startswith(f"{group}.")
        }
        base[group] = {name: value for name, value in values.items() if f"{group}.{name}" not in always_set}
    targets = {TASK_CONFIGS[name].kind for name in chosen.names["task"]}
    kind = targets.pop() if len(targets) == 1 else None
    if base["output"].get("loss", "") is None and kind is not None:
        base["output"]["loss"] = NATURAL_LOSS[kind]
    return base


def _targets(axis: Axis) -> set[str]:
    """The paths that every value of an axis sets."""
    if axis.values is None:
        return {axis.path}
    return set.intersection(*(set(axis.assignments(value)) for value in axis.values))


class OrderError(ValueError):
    """Conditions that depend on one another in a circle."""


def sort_by_conditions(axes: Sequence[Axis]) -> list[Axis]:
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
