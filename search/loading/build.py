"""From a draft to a Space, with a line for each mistake in it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from failmap.datasets.config import TASK_CONFIGS
from failmap.datasets.config.own import stated_by
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.own_code import is_reference
from failmap.run_folder.wording import in_order
from failmap.search.loading.combinations import impossible_combinations
from failmap.search.loading.draft import Draft
from failmap.search.loading.fields import ARGUMENTS, GROUPS, KINDS, Schema, kind_problem
from failmap.search.loading.validation import check_fields, shown, translate, with_origin
from failmap.search.space import Axis, Space, alternatives, can_have_edge
from failmap.search.trial.config import NATURAL_LOSS


class Checker:
    """Checks the paths and values of one draft. Each mistake adds a line to `problems`."""

    def __init__(self, draft: Draft, schema: Schema, problems: list[str]) -> None:
        self.draft = draft
        self.schema = schema
        self.problems = problems

    def value(self, path: str, value: Any, schema: Schema) -> Any:
        """Return a value as a trial holds it at a path."""
        found = list[str]()
        held = schema.check(path, value, found)
        self._report(*found)
        return held

    def axis(self, path: str) -> Axis | None:
        """Return the axis of a path with every value checked, or None if problems were added."""
        before = len(self.problems)
        description = dict(self.draft.axes[path])
        description["when"] = self._conditions(path, description.get("when") or {})
        if len(self.problems) > before:
            return None
        schema = self.schema.narrowed(description["when"])
        if "values" in description:
            description["values"] = [self._choice(path, value, schema) for value in description["values"]]
            if "default" in description:
                description["default"] = self._choice(path, description["default"], schema)
        else:
            self._check_range(path, description, schema)
        if len(self.problems) > before or self.schema.is_open(path):
            return None
        try:
            return Axis.model_validate({**description, "path": path})
        except ValidationError as error:
            self._report(*translate(error, Axis, description, f"{path}."))
            return None

    def _conditions(self, path: str, when: Any) -> dict[str, Any]:
        """Return the values of each condition as a trial holds them."""
        if not isinstance(when, Mapping):
            self._report(f"{path}.when: must be a mapping of paths to values")
            return {}
        held: dict[str, Any] = {}
        found = list[str]()
        for condition, wanted in when.items():
            checked = [self.schema.check(str(condition), value, found) for value in alternatives(wanted)]
            held[str(condition)] = checked if isinstance(wanted, list) else checked[0]
        self._report(*(f"{path}.when: {problem}" for problem in found))
        return held

    def _choice(self, path: str, value: Any, schema: Schema) -> Any:
        """Check one value of an axis; of a joint choice, every field that it sets."""
        if path not in GROUPS:
            return self.value(path, value, schema)
        if not isinstance(value, Mapping) or not value:
            self._report(f"{path}={shown(value)}: a choice of several fields names them, as {{field: value}}")
            return value
        if isinstance(value.get("name"), str):
            schema = schema.narrowed({f"{path}.name": value["name"]})
        return {str(key): self.value(f"{path}.{key}", inner, schema) for key, inner in value.items()}

    def _check_range(self, path: str, description: dict[str, Any], schema: Schema) -> None:
        """Check both ends and the default of a range, and add what follows from the field."""
        ends = [description[key] for key in ("low", "high") if description.get(key) is not None]
        if not ends:
            self._report(f"{path}: an axis has either values, or low and high")
            return
        if path in GROUPS:
            self._report(f"{path}: a choice of several fields has values, and no low and high")
            return
        before = len(self.problems)
        held = [self.value(path, end, schema) for end in ends]
        if len(self.problems) > before or schema.is_open(path):
            return
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in held):
            self._report(f"{path}: is not a number: list its values")
            return
        description["integer"] = all(isinstance(value, int) for value in held)
        default = description.get("default")
        default = schema.default(path) if default is None else self.value(path, default, schema)
        description["default"] = default

    def _report(self, *problems: str) -> None:
        """Add problems, each once, with the file that it is in."""
        lines = (with_origin(problem, self.draft.origins) for problem in problems)
        self.problems += (line for line in dict.fromkeys(lines) if line not in self.problems)


def build_space(draft: Draft, problems: list[str], notes: list[str]) -> Space | None:
    """Return the space that a draft describes, or None if problems were added.

    Args:
        draft: The space from its file and the command line.
        problems: Receives a line for each mistake.
        notes: Receives a line for each axis that is left out because its condition never holds.
    """
    before = list(problems)
    if draft.plain["goal"] == "best":
        draft.leave_out_map(notes)
    schema = _schema(draft, problems)
    checker = Checker(draft, schema, problems)
    others = check_fields(Space, draft.settings, problems)
    fixed = {path: checker.value(path, value, schema) for path, value in draft.fixed.items()}
    axes = [axis for path in draft.axes if (axis := checker.axis(path)) is not None]
    axes = [
        in_map_order(axis) if axis.path in (draft.map.get("x"), draft.map.get("y")) else axis for axis in axes
    ]
    problems += conflicts(axes, fixed)
    if problems != before:
        return None
    base = _complete_base(schema, fixed, axes)
    axes = sort_by_conditions(_without_idle(axes, base, notes), problems)
    if problems != before:
        return None
    if "goal" not in draft.origins and others["goal"] != "best" and not can_have_edge(axes, draft.map):
        others["goal"] = "grid"  # A file's goal is for the axes that it has.
    try:
        space = Space(name=draft.name, axes=tuple(axes), base=base, **others)
    except ValidationError as error:
        # An axis of the map that the task lacks is reported already.
        reported = {problem.partition(": ")[0] for problem in before}
        problems += (line for line in translate(error, Space, {}) if line.partition(": ")[0] not in reported)
        return None
    problems += impossible_combinations(space)
    return space if problems == before else None


def in_map_order(axis: Axis) -> Axis:
    """Return an axis of the map with its numbers sorted; the first value is the default, if that was so."""
    if axis.values is None:
        return axis
    values = tuple(in_order(axis.values))
    default = values[0] if axis.default == axis.values[0] else axis.default
    return axis.model_copy(update={"values": values, "default": default})


def _schema(draft: Draft, problems: list[str]) -> Schema:
    """Return the fields of a draft's tasks and networks; a group is unknown if one of its names is."""
    known: dict[str, list[str]] = {}
    for group, kinds in KINDS.items():
        names = draft.names(group)
        unknown = [problem for name in names if (problem := kind_problem(group, name)) is not None]
        problems += unknown
        if not names:
            wrong = draft.fixed.get(f"{group}.name")
            problem = f"{group}: is missing" if wrong is None else f"{group}={shown(wrong)}: no such {group}"
            problems.append(f"{problem}{nearest('', kinds)}")
        known[group] = [] if unknown else names
    return Schema(known["task"], known["model"])


def conflicts(axes: Sequence[Axis], fixed: Mapping[str, Any]) -> list[str]:
    """Return a line for each field that several axes, or an axis and a fixed value, set."""
    setters: dict[str, list[str]] = {}
    for axis in axes:
        for path in axis.paths:
            setters.setdefault(path, []).append(f"the axis {axis.path}")
    for path in fixed.keys() & setters.keys():
        setters[path].append(f"the value {shown(fixed[path])}")
    return [
        f"{path}: is set by {' and by '.join(names)}: leave one out"
        for path, names in setters.items()
        if len(names) > 1
    ]


def _complete_base(
    schema: Schema, fixed: Mapping[str, Any], axes: Sequence[Axis]
) -> dict[str, dict[str, Any]]:
    """Return a trial's configuration as nested mappings, less what the axes set in every trial.

    If trials differ in task or network, the base has the settings that all of them share.
    """
    always_set = {
        path
        for axis in axes
        for path in axis.paths
        if not axis.when and all(path in axis.assignments(value) for value in axis.values or ())
    }
    base: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        own = {path.partition(".")[2]: fixed[path] for path in fixed if path.startswith(f"{group}.")}
        values = schema.shared_defaults(group) | own
        arguments = {name: values.pop(name) for name in list(values) if name.startswith(f"{ARGUMENTS}.")}
        if ARGUMENTS in values:
            own_arguments = {name.partition(".")[2]: value for name, value in arguments.items()}
            values[ARGUMENTS] = {**values[ARGUMENTS], **own_arguments}
        base[group] = {name: value for name, value in values.items() if f"{group}.{name}" not in always_set}
    base["task"] |= _stated(base["task"])
    targets = {TASK_CONFIGS[name].kind if name in TASK_CONFIGS else None for name in schema.names["task"]}
    kind = targets.pop() if len(targets) == 1 else None
    if schema.is_own("task"):
        kind = base["task"].get("target")
    if base["output"].get("loss", "") is None and kind is not None:
        base["output"]["loss"] = NATURAL_LOSS[kind]
    return base


def _stated(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the class of an own task states, so that a stored run can be read without its file."""
    name = task.get("name")
    if not isinstance(name, str) or not is_reference(name):
        return {}
    with suppress(UserError):  # Every combination is validated next, which reports it.
        return {key: value for key, value in stated_by(name).items() if key in task and task[key] is None}
    return {}


def _without_idle(axes: Sequence[Axis], base: Mapping[str, Any], notes: list[str]) -> list[Axis]:
    """Return the axes whose condition can hold, and add a note for each other one."""
    setters = {path: axis for axis in axes for path in axis.paths}
    kept = []
    for axis in axes:
        for path, wanted in axis.when.items():
            group, _, name = path.partition(".")
            setter = setters.get(path)
            possible = [base.get(group, {}).get(name), *(setter.values_at(path) if setter else ())]
            is_range = setter is not None and setter.values is None
            if not is_range and not any(value in alternatives(wanted) for value in possible):
                notes.append(f"{axis.path} is left out: {path} is never {shown(wanted)}")
                break
        else:
            kept.append(axis)
    return kept


def sort_by_conditions(axes: Sequence[Axis], problems: list[str]) -> list[Axis]:
    """Return the axes, each behind those that its condition is about, otherwise in the same order."""
    setters = {path: axis.path for axis in axes for path in axis.paths}
    waiting, ordered = list(axes), list[Axis]()
    while waiting:
        open_paths = {axis.path for axis in waiting}
        ready = [axis for axis in waiting if not any(setters.get(path) in open_paths for path in axis.when)]
        if not ready:
            circle = ", ".join(axis.path for axis in waiting)
            problems.append(f"{circle}: their conditions (when) depend on one another")
            break
        ordered.append(ready[0])
        waiting.remove(ready[0])
    return ordered
