"""A space from its file and the command line, not yet validated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from failmap.run_folder.errors import nearest
from failmap.search.loading.cli_args import Argument
from failmap.search.loading.fields import ARGUMENTS, GROUPS, KINDS, Schema
from failmap.search.space import Axis

#: Of a space's file, and of arguments, those with plain values, and their defaults.
PLAIN_KEYS: dict[str, Any] = {"fail_after_recipes": 1, "goal": "grid", "objective": []}
#: Keys of a space's file.
SPACE_KEYS = ("question", "task", "model", "map", "axes", "fixed", *PLAIN_KEYS)
#: Where own code has arguments of any names, also such as `low` and `default`.
_ARGUMENTS = {f"{group}.{ARGUMENTS}" for group in KINDS}
#: Keys that describe an axis, in a file or as the last part of an argument's key.
AXIS_KEYS = tuple(name for name in Axis.model_fields if name != "path")


@dataclass
class Draft:
    """A space from its file and the command line.

    Attributes:
        name: The file's name.
        plain: The values of PLAIN_KEYS.
        axes: The description of each axis, by dotted path.
        fixed: Values by dotted path.
        origins: The file and section of each axis or value, by dotted path; empty for one that an argument
            sets.
    """

    name: str
    question: Any = ""
    map: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, dict[str, Any]] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=lambda: dict(PLAIN_KEYS))
    origins: dict[str, str] = field(default_factory=dict)

    def set_axis(self, path: str, description: dict[str, Any], origin: str = "") -> None:
        """Make a path an axis."""
        self.fixed.pop(path, None)
        self.axes[path] = description
        self.origins[path] = origin

    def set_value(self, path: str, value: Any, origin: str = "") -> None:
        """Fix a path. A map axis, or one with a condition, remains an axis of a single value."""
        if path in self.map.values() or self.axes.get(path, {}).get("when"):
            self.set_axis(path, self._with_condition(path, [value]), origin)
        else:
            self.axes.pop(path, None)
            self.fixed[path] = value
            self.origins[path] = origin

    def leave_out_map(self, notes: list[str]) -> None:
        """Leave out the map, which a search for the best recipe does not have: all axes are searched."""
        if named := ", ".join(str(path) for path in self.map.values() if path):
            notes.append(f"the map is left out: goal=best searches all axes, {named} among them")
        self.map = {}
        for path, description in list(self.axes.items()):
            values = list(description.get("values") or [])
            if len(values) == 1 and not description.get("when") and not isinstance(values[0], Mapping):
                self.axes.pop(path)
                self.fixed[path] = values[0]

    @property
    def settings(self) -> dict[str, Any]:
        """Return the values of the space itself, by the names of its fields."""
        objective = self.plain["objective"]
        several = objective if isinstance(objective, list | tuple) else [objective]
        own = {"question": self.question, **self.plain, "objective": list(several)}
        return own if self.plain["goal"] == "best" else {"map": self.map, **own}

    def names(self, group: str) -> list[str]:
        """Return the kinds of a group (task or model) that trials may have."""
        values = [self.fixed.get(f"{group}.name")]
        values += self.axes.get(f"{group}.name", {}).get("values") or []
        for value in self.axes.get(group, {}).get("values") or []:
            values += [value.get("name")] if isinstance(value, Mapping) else []
        return list(dict.fromkeys(value for value in values if isinstance(value, str)))

    def apply_own(self, argument: Argument) -> None:
        """Set a value, an axis, a key of an axis, or the map of an own training function's space.

        No path is special here: every name is the user's own.
        """
        path, value = argument.key, argument.value
        owner, _, last = path.rpartition(".")
        if path in PLAIN_KEYS:
            self.plain[path], self.origins[path] = value, ""
        elif owner == "map":
            self.map[last] = None if value == "none" and last == "facet" else value
        elif last in AXIS_KEYS and owner in {*self.axes, *self.fixed}:
            self.set_axis(owner, self._amended(owner, last, value))
        else:
            self._set(path, argument)

    def apply(self, argument: Argument) -> bool:
        """Set a value, an axis, a key of an axis, or the map, and return whether that changes the draft."""
        before = (dict(self.map), dict(self.axes), dict(self.fixed), dict(self.plain))
        path, value = argument.key, argument.value
        owner, _, last = path.rpartition(".")
        if path in PLAIN_KEYS:
            self.plain[path], self.origins[path] = value, ""
        elif owner == "map":
            self.map[last] = None if value == "none" and last == "facet" else value
        elif last in AXIS_KEYS and ("." in owner or owner in self.axes) and owner not in _ARGUMENTS:
            self.set_axis(owner, self._amended(owner, last, value))
        elif path in KINDS and not isinstance(argument.values[0], Mapping):
            self._set(f"{path}.name", argument)
        elif path in GROUPS and isinstance(value, Mapping) and not _describes_axis(value):
            for key, inner in value.items():
                self.set_value(f"{path}.{key}", inner)
        else:
            self._set(path, argument)
        return before != (self.map, self.axes, self.fixed, self.plain)

    def _set(self, path: str, argument: Argument) -> None:
        for value in argument.values:
            for key in value if isinstance(value, Mapping) and path in GROUPS else ():
                self.axes.pop(f"{path}.{key}", None)
                self.fixed.pop(f"{path}.{key}", None)
        if isinstance(argument.value, Mapping):
            self.set_axis(path, describe_axis(path, argument.value))
        elif len(argument.values) == 1 and not isinstance(argument.values[0], Mapping):
            self.set_value(path, argument.values[0])
        else:
            self.set_axis(path, self._with_condition(path, argument.values))

    def _with_condition(self, path: str, values: list[Any]) -> dict[str, Any]:
        """Describe an axis of these values, with the condition that the path's axis has already."""
        when = self.axes.get(path, {}).get("when")
        return {"values": values, **({"when": when} if when else {})}

    def _amended(self, path: str, key: str, value: Any) -> dict[str, Any]:
        """Return an axis' description with one key changed: a range replaces values, and values a range."""
        description = dict(self.axes.get(path, {}))
        if key in ("low", "high") and "values" in description:
            description.setdefault("default", description.pop("values")[0])
        if key == "values":
            description = {"when": description["when"]} if "when" in description else {}
            value = value if isinstance(value, list) else [value]
        if path in self.fixed:
            description.setdefault("default", self.fixed[path])
        return {**description, key: value}


def draft_from_file(name: str, content: Mapping[str, Any], problems: list[str], source: str) -> Draft:
    """Return the draft of a space's file, and add a problem for each unknown key."""
    unknown = [key for key in content if key not in SPACE_KEYS]
    problems += (f"{source}: {key}: unknown key{nearest(key, SPACE_KEYS)}" for key in unknown)
    sections = {}
    for key in ("map", "axes", "fixed"):
        section = content.get(key) or {}
        if not isinstance(section, Mapping):
            problems.append(f"{source}: {key}: must be a mapping")
            section = {}
        sections[key] = {str(path): value for path, value in section.items()}
    draft = Draft(name, content.get("question", ""), map=sections["map"])
    draft.plain |= {key: content[key] for key in PLAIN_KEYS if key in content}
    # A map's axis stays an axis when it is fixed, so that the draft does not tell what the file has set.
    places = {f"{group}.name": f"as {group}:" for group in KINDS if group in content}
    for group in KINDS:
        if group in content:
            draft.set_value(f"{group}.name", content[group], source)
    for section in ("fixed", "axes"):
        for path, value in sections[section].items():
            if path in places:
                problems.append(f"{source}: {path}: is set {places[path]} and under {section}: leave one out")
            places[path] = f"under {section}"
            if section == "fixed":
                draft.set_value(path, value, f"{source}: fixed")
            else:
                draft.set_axis(path, describe_axis(path, value), f"{source}: axes")
    return draft


def set_twice(arguments: Iterable[Argument]) -> list[str]:
    """Return a line for each path that two arguments set, such as `model=lstm model.name=gru`."""
    setters: dict[str, Argument] = {}
    problems = []
    for argument in arguments:
        key, first = argument.key, argument.values[0]
        paths = [key]
        if key in KINDS and not isinstance(first, Mapping):
            paths = [f"{key}.name"]
        elif key in GROUPS and isinstance(argument.value, Mapping) and not _describes_axis(argument.value):
            paths = [f"{key}.{name}" for name in argument.value]
        for path in paths:
            if path in setters:
                problems.append(f"{path}: is set by {setters[path]} and by {argument}: leave one out")
            setters[path] = argument
    return problems


def describe_axis(path: str, value: Any) -> dict[str, Any]:
    """Return an axis' description: a list is its values; a mapping describes it, or is one joint choice."""
    if isinstance(value, Mapping) and (path not in GROUPS or _describes_axis(value)):
        description = {str(key): inner for key, inner in value.items()}
        if not isinstance(description.get("values", []), list):
            description["values"] = [description["values"]]
        return description
    return {"values": value if isinstance(value, list) else [value]}


def _describes_axis(value: Mapping[str, Any]) -> bool:
    return any(key in AXIS_KEYS for key in value)


def drop_inapplicable(draft: Draft, switched: set[str], problems: list[str], notes: list[str]) -> None:
    """Drop the file's settings that a task or network from the command line does not have.

    Args:
        draft: Changed in place. What arguments set is kept, so that its mistake is reported.
        switched: The groups, task or model, that arguments have changed.
        problems: Receives a line if the map would lose an axis.
        notes: Receives a line for each setting that is left out.
    """
    schema = Schema(draft.names("task"), draft.names("model"))
    map_keys = {path: f"map.{key}" for key, path in draft.map.items() if isinstance(path, str)}
    for path in [*draft.fixed, *draft.axes]:
        group, _, name = path.partition(".")
        is_own = draft.origins.get(path) == ""
        if group not in switched or not name or is_own or schema.is_open(path) or path in schema:
            continue
        draft.fixed.pop(path, None)
        draft.axes.pop(path, None)
        kinds = ", ".join(schema.names[group])
        if path in map_keys:
            key = map_keys[path]
            if schema.is_own(group) and _replaced_on_map(draft, key, path, notes):
                continue
            problem = f"{key}={path}: no setting of {kinds}: name another axis, as {key}=..."
            if schema.is_own(group):
                problem += f", or give an argument several values, as {group}.{ARGUMENTS}.NAME=1,2"
            problems.append(problem)
        else:
            notes.append(f"{path} is left out: it is no setting of {kinds}")


def _replaced_on_map(draft: Draft, key: str, path: str, notes: list[str]) -> bool:
    """Put an argument of own code in the place of an axis of the map that own code does not have.

    The facet is left out. Returns whether there was an argument to put there; then a note is added.
    """
    group, _, name = path.partition(".")
    named = ", ".join(draft.names(group))
    if key == "map.facet":
        draft.map["facet"] = None
        notes.append(f"{key}={path} is left out: {path} is no setting of {named}")
        return True
    arguments = [
        other
        for other, description in draft.axes.items()
        if other.startswith(f"{group}.{ARGUMENTS}.") and other not in draft.map.values()
        if len(description.get("values") or ()) > 1
    ]
    if not arguments:
        return False
    alike = [other for other in arguments if other.rpartition(".")[2] == name]
    draft.map[key.partition(".")[2]] = chosen = (alike or arguments)[0]
    notes.append(f"{key}={chosen}, in place of {path}, which is no setting of {named}")
    return True
