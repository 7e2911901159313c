"""From a draft to a Space: every path, value, condition and combination checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from failmap.run_folder.errors import nearest
from failmap.search.loading.combinations import impossible_combinations
from failmap.search.loading.draft import (
    AXIS_KEYS,
    Draft,
    OrderError,
    complete_base,
    default_of,
    sort_by_conditions,
)
from failmap.search.loading.fields import (
    GROUPS,
    KINDS,
    Chosen,
    FieldError,
    check_fields,
    model_problems,
    shown,
)
from failmap.search.space import Axis, MapAxes, Space


class Checker:
    """Checks one draft. `problems` grows by a line for each mistake; nothing is raised."""

    def __init__(self, draft: Draft, chosen: Chosen, problems: list[str]) -> None:
        self.draft = draft
        self.chosen = chosen
        self.problems = problems

    def value(self, path: str, value: Any, chosen: Chosen | None = None) -> Any:
        """The value as a trial holds it at the path."""
        try:
            return (chosen or self.chosen).check(path, value)
        except FieldError as error:
            self._tell(path, str(error))
            return value

    def spelling(self, path: str) -> None:
        """Checks that any trial of any task and network has the path."""
        if path in GROUPS:
            return
        try:
            Chosen.anything().check_existence(path)
        except FieldError as error:
            self._tell(path, str(error))

    def axis(self, path: str) -> Axis | None:
        """The axis of a path with every value checked, or None where problems were added."""
        before = len(self.problems)
        description = dict(self.draft.axes[path])
        for key in description:
            if key not in AXIS_KEYS:
                self._tell(path, f"{path}.{key}: unknown key{nearest(key, AXIS_KEYS)}")
        description["when"] = self._conditions(path, description.get("when") or {})
        if len(self.problems) > before:
            return None
        chosen = self.chosen.narrowed(description["when"])
        if "values" in description:
            description["values"] = [self._choice(path, value, chosen) for value in description["values"]]
            if "default" in description:
                description["default"] = self._choice(path, description["default"], chosen)
        else:
            self._check_range(path, description, chosen)
        if len(self.problems) > before:
            return None
        try:
            return Axis(path=path, **description)
        except ValidationError as error:
            for line in model_problems(error):
                self._tell(path, f"{path}: {line}")
            return None

    def _conditions(self, path: str, when: Any) -> dict[str, Any]:
        """The values that each condition names, as a trial holds them."""
        if not isinstance(when, Mapping):
            self._tell(path, f"{path}.when: must be a mapping of paths to values")
            return {}
        held: dict[str, Any] = {}
        for condition, wanted in when.items():
            values = wanted if isinstance(wanted, list) else [wanted]
            try:
                checked = [self.chosen.check(str(condition), value) for value in values]
            except FieldError as error:
                self._tell(path, f"{path}.when: {error}")
                continue
            held[str(condition)] = checked if isinstance(wanted, list) else checked[0]
        return held

    def _choice(self, path: str, value: Any, chosen: Chosen) -> Any:
        """One value of an axis; of a joint choice, every field that it sets."""
        if path not in GROUPS:
            return self.value(path, value, chosen)
        if not isinstance(value, Mapping) or not value:
            self._tell(
                path, f"{path}={shown(value)}: a choice of several fields names them, as {{field: value}}"
            )
            return value
        if isinstance(value.get("name"), str):
            chosen = chosen.narrowed({f"{path}.name": value["name"]})
        return {str(key): self.value(f"{path}.{key}", inner, chosen) for key, inner in value.items()}

    def _check_range(self, path: str, description: dict[str, Any], chosen: Chosen) -> None:
        """Checks both ends and the default of a range, and fills in what follows from the field."""
        ends = {key: description[key] for key in ("low", "high") if description.get(key) is not None}
        if not ends:
            self._tell(path, f"{path}: an axis has either values, or low and high")
            return
        if path in GROUPS:
            self._tell(path, f"{path}: a choice of several fields has values, and no low and high")
            return
        before = len(self.problems)
        held = [self.value(path, end, chosen) for end in ends.values()]
        if len(self.problems) > before:
            return
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in held):
            self._tell(path, f"{path}: is not a number: list its values")
            return
        description["integer"] = all(isinstance(value, int) for value in held)
        if description.get("default") is None:
            description["default"] = default_of(chosen, path)
        else:
            description["default"] = self.value(path, description["default"], chosen)

    def _tell(self, path: str, problem: str) -> None:
        """Adds a problem, once, with the file that it stands in; a word needs no address."""
        origins = self.draft.origins
        source = origins.get(path, origins.get(path.partition(".")[0], ""))
        told = f"{source}: {problem}" if source else problem
        if told not in self.problems:
            self.problems.append(told)


def build_space(draft: Draft, problems: list[str], notes: list[str]) -> Space | None:
    """The space that a draft asks for, or None where problems were added.

    Args:
        draft: what the file and the words ask for.
        problems: mistakes are added here.
        notes: what was left out because nothing could use it is added here.
    """
    before = len(problems)
    chosen = _chosen(draft, problems)
    checker = Checker(draft, chosen, problems)
    map_values = check_fields(MapAxes, draft.map, "map.", problems)
    problems += (f"map.{key}: is missing: which axis?" for key in ("x", "y") if draft.map.get(key) is None)
    texts = {"question": draft.question, "fail_after_recipes": draft.fail_after_recipes}
    others = check_fields(Space, texts, "", problems)
    for path in [*draft.fixed, *draft.axes]:
        if chosen.is_open(path):
            checker.spelling(path)
    fixed = {
        path: checker.value(path, value) for path, value in draft.fixed.items() if not chosen.is_open(path)
    }
    axes = [
        axis for path in draft.axes if not chosen.is_open(path) and (axis := checker.axis(path)) is not None
    ]
    problems += _conflicts(axes, fixed)
    if len(problems) > before:
        return None
    base = complete_base(chosen, fixed, axes)
    axes = _without_idle(axes, base, notes)
    try:
        ordered = tuple(sort_by_conditions(axes))
        space = Space(name=draft.name, map=MapAxes(**map_values), axes=ordered, base=base, **others)
    except OrderError as error:
        problems.append(str(error))
        return None
    except ValidationError as error:
        told = {problem.partition(": ")[0] for problem in problems}
        problems += (line for line in model_problems(error) if line.partition(": ")[0] not in told)
        return None
    problems += impossible_combinations(space)
    return space if len(problems) == before else None


def drop_inapplicable(
    draft: Draft, switched: set[str], own: set[str], problems: list[str], notes: list[str]
) -> None:
    """Leaves out what the file says of a task or network that a word has exchanged for another.

    Args:
        draft: changed in place.
        switched: the groups, task or model, that a word has chosen.
        own: paths that words set; never dropped, so that their mistake is told.
        problems: a mistake is added where the map would lose an axis.
        notes: what is left out is added here.
    """
    chosen = Chosen(draft.names("task"), draft.names("model"))
    on_map = {path: key for key, path in draft.map.items() if isinstance(path, str)}
    for path in [*draft.fixed, *draft.axes]:
        group, _, field = path.partition(".")
        if group not in switched or not field or path in own or chosen.is_open(path) or chosen.bears(path):
            continue
        draft.fixed.pop(path, None)
        draft.axes.pop(path, None)
        names = ", ".join(chosen.names[group])
        if path in on_map:
            key = on_map[path]
            problems.append(f"map.{key}={path}: no setting of {names}: name another axis, as map.{key}=...")
        else:
            notes.append(f"{path} is left out: it is no setting of {names}")


def _chosen(draft: Draft, problems: list[str]) -> Chosen:
    """The tasks and networks of a draft; a group is empty where one of its names is unknown."""
    known: dict[str, list[str]] = {}
    for group, kinds in KINDS.items():
        names = draft.names(group)
        unknown = [name for name in names if name not in kinds]
        problems += (f"{group}={name}: no such {group}{nearest(name, kinds)}" for name in unknown)
        if not names:
            wrong = draft.fixed.get(f"{group}.name")
            problems.append(
                f"{group}={shown(wrong)}: no such {group}{nearest('', kinds)}"
                if wrong is not None
                else f"{group}: is missing{nearest('', kinds)}"
            )
        known[group] = [] if unknown else names
    return Chosen(known["task"], known["model"])


def _conflicts(axes: Sequence[Axis], fixed: Mapping[str, Any]) -> list[str]:
    """Fields that more than one axis, or an axis and a fixed value, would set."""
    setters: dict[str, list[str]] = {}
    for axis in axes:
        for path in axis.paths:
            setters.setdefault(path, []).append(f"the axis {axis.path}")
    for path, value in fixed.items():
        if path in setters:
            setters[path].append(f"the value {shown(value)}")
    return [
        f"{path}: is set by {' and by '.join(both)}: leave one out"
        for path, both in setters.items()
        if len(both) > 1
    ]


def _without_idle(axes: Sequence[Axis], base: Mapping[str, Any], notes: list[str]) -> list[Axis]:
    """Leaves out axes whose condition can never hold."""
    setters = {path: axis for axis in axes for path in axis.paths}
    kept = []
    for axis in axes:
        for path, wanted in axis.when.items():
            group, _, field = path.partition(".")
            possible = [base.get(group, {}).get(field)]
            if path in setters:
                possible += setters[path].values_at(path)
            is_open = path in setters and setters[path].is_range
            if not is_open and not _meet(possible, wanted):
                notes.append(f"{axis.path} is left out: {path} is never {shown(wanted)}")
                break
        else:
            kept.append(axis)
    return kept


def _meet(possible: Sequence[Any], wanted: Any) -> bool:
    return any(value in (wanted if isinstance(wanted, list | tuple) else (wanted,)) for value in possible)
