"""The space of an own training function: every axis is the user's, and no name is known beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from failmap.run_folder.errors import UserError, nearest
from failmap.search.loading.build import conflicts, in_map_order, sort_by_conditions
from failmap.search.loading.cli_args import Argument
from failmap.search.loading.draft import AXIS_KEYS, PLAIN_KEYS, Draft, describe_axis
from failmap.search.loading.validation import check_fields, shown, translate, with_origin
from failmap.search.own.config import OWN, OwnFunction
from failmap.search.own.function import parse_function
from failmap.search.space import Axis, Space, alternatives

#: Keys that say when a trial has learned.
CRITERION_KEYS = ("learned", "better_than_chance", "chance", "perfect", "max_updates")
#: Keys of the file of such a space.
SPACE_KEYS = ("question", "map", "axes", "fixed", *PLAIN_KEYS, *CRITERION_KEYS)
#: First parts of paths that no axis may have, because they are keys of the run.
_RESERVED = (
    "own",
    "objective",
    "run",
    "storage",
    "space",
    "seed",
    "budget",
    "cluster",
    "halving",
    "futility",
    "map",
    *CRITERION_KEYS,
)
#: Columns of the table of trials, which an axis without a dot would hide.
TABLE_COLUMNS = frozenset(
    {
        "number",
        "seed",
        "outcome",
        "cause",
        "cause_confidence",
        "cause_rule",
        "cause_evidence",
        "continues",
        "level",
        "updates",
        "seconds",
        "score",
        "best_score",
        "chance_score",
        "target_score",
        "reason",
        "hopeless_at",
        "p_learn",
        "purpose",
        "recipe_index",
        "attempt",
        "metric",
        "chance_metric",
        "target_metric",
        "chance_loss",
        "loss_floor",
        "num_parameters",
        "test_metric",
        "test_score",
        "intervention",
    }
)
_MAP_KEYS = ("map.x", "map.y", "map.facet")
_MAX_VALUE_DEPTH = 3


def read_own_space(
    name: str,
    content: Mapping[str, Any],
    train: str,
    arguments: Sequence[Argument],
    problems: list[str],
    notes: list[str],
    source: str,
) -> tuple[Space | None, list[Argument]]:
    """Return the space of a training function, and the arguments that are about it.

    Args:
        name: The space's name.
        content: Its file's.
        train: The function, as `my_train.py:train`.
        arguments: All that is neither about the run nor the function.
        problems: Receives a line for each mistake.
        notes: Receives a line if the map is left out.
        source: The file, as in problems.
    """
    before = len(problems)
    unknown = [key for key in content if key not in SPACE_KEYS]
    for key in unknown:
        hint = nearest(key, SPACE_KEYS)
        if key in ("task", "model"):
            hint = ": with train= there is no such thing; name what your function needs under axes or fixed"
        problems.append(f"{source}: {key}: unknown key{hint}")
    draft = _draft(name, content, problems, source)
    criterion = {key: content[key] for key in CRITERION_KEYS if key in content}
    for argument in arguments:
        _apply(argument, draft, criterion, problems)
    if draft.plain["goal"] == "best":
        draft.leave_out_map(notes)
    own = _function(train, criterion, problems, source)
    if own is not None and not own.has_criterion and draft.plain["goal"] != "best":
        problems.append(
            f"{source}: learned: is missing: when has a trial learned? As in learned: {{score: 0.95}}, or "
            "better_than_chance: true; goal=best needs none"
        )
    axes = [axis for path in draft.axes if (axis := _axis(path, draft, problems)) is not None]
    fixed = {path: _plain(path, value, problems) for path, value in draft.fixed.items()}
    others = check_fields(Space, draft.settings, problems)
    check_names([*draft.axes, *fixed, *(path for axis in axes for path in axis.paths)], problems)
    problems += conflicts(axes, fixed)
    if len(problems) > before or own is None:
        return None, list(arguments)
    x_and_y = (draft.map.get("x"), draft.map.get("y"))
    axes = [in_map_order(axis) if axis.path in x_and_y else axis for axis in axes]
    axes = sort_by_conditions(axes, problems)
    base = {OWN: own.model_dump(mode="json"), "settings": fixed}
    try:
        space = Space(name=name, axes=tuple(axes), base=base, **others)
    except ValidationError as error:
        problems += translate(error, Space, {})
        return None, list(arguments)
    return (space if len(problems) == before else None), list(arguments)


def _draft(name: str, content: Mapping[str, Any], problems: list[str], source: str) -> Draft:
    sections: dict[str, dict[str, Any]] = {}
    for key in ("map", "axes", "fixed"):
        section = content.get(key) or {}
        if not isinstance(section, Mapping):
            problems.append(f"{source}: {key}: must be a mapping")
            section = {}
        sections[key] = {str(path): value for path, value in section.items()}
    draft = Draft(name, content.get("question", ""), map=sections["map"])
    draft.plain |= {key: content[key] for key in PLAIN_KEYS if key in content}
    for path, value in sections["fixed"].items():
        if path in sections["axes"]:
            problems.append(f"{source}: {path}: is set under fixed and under axes: leave one out")
        draft.fixed[path] = value
        draft.origins[path] = f"{source}: fixed"
    for path, value in sections["axes"].items():
        draft.fixed.pop(path, None)
        draft.set_axis(path, describe_axis(path, value), f"{source}: axes")
    return draft


def _apply(argument: Argument, draft: Draft, criterion: dict[str, Any], problems: list[str]) -> None:
    """Change the draft or the criterion by an argument; one that names nothing in the space is a mistake."""
    key = argument.key
    first, _, rest = key.partition(".")
    owner, _, last = key.rpartition(".")
    known = {*draft.axes, *draft.fixed}
    if first == "learned" and rest:
        learned = criterion.get("learned", {})
        criterion["learned"] = {**(learned if isinstance(learned, Mapping) else {}), rest: argument.value}
    elif key in CRITERION_KEYS:
        criterion[key] = argument.value
    elif key in {*known, *_MAP_KEYS, *PLAIN_KEYS} or (last in AXIS_KEYS and owner in known):
        draft.apply_own(argument)
    else:
        hint = nearest(key, [*known, *_MAP_KEYS, *CRITERION_KEYS])
        problems.append(f"{argument}: the space has no such axis or value{hint}")


def _function(
    train: str, criterion: Mapping[str, Any], problems: list[str], source: str
) -> OwnFunction | None:
    """Return the function with its criterion, or None if problems were added."""
    values: dict[str, Any] = {
        key: criterion[key] for key in ("chance", "perfect", "max_updates") if key in criterion
    }
    learned = criterion.get("learned", {})
    found = list[str]()
    if learned == "better_than_chance":
        learned = {"better_than_chance": True}
    if not isinstance(learned, Mapping):
        found.append(f"learned={shown(learned)}: must be a mapping, as in learned: {{score: 0.95}}")
        learned = {"score": 0.0}
    allowed = ("score", "in_a_row", "better_than_chance")
    found += (
        f"learned.{key}: unknown key{nearest(str(key), allowed)}" for key in learned if key not in allowed
    )
    values |= {key: value for key, value in learned.items() if key in allowed}
    if "better_than_chance" in criterion:
        values["better_than_chance"] = criterion["better_than_chance"]
    if not found:
        before = len(found)
        held = check_fields(OwnFunction, values, found)
        if len(found) == before:
            try:
                OwnFunction(function="", **held)
            except ValidationError as error:
                found += translate(error, OwnFunction, values)
    # The mapping `learned` is one level up.
    nested = {f"{key}=": f"learned.{key}=" for key in ("score", "in_a_row")}
    for start, replacement in nested.items():
        found = [replacement + line.removeprefix(start) if line.startswith(start) else line for line in found]
    problems += (f"{source}: {line}" for line in found)
    try:
        function, folder = parse_function(train)
    except UserError as error:
        problems += error.problems
        return None
    return None if found else OwnFunction(function=function, folder=folder, **held)


def _axis(path: str, draft: Draft, problems: list[str]) -> Axis | None:
    """Return the axis of a path, or None if problems were added."""
    description = dict(draft.axes[path])
    found = list[str]()
    when = description.get("when") or {}
    if not isinstance(when, Mapping):
        found.append(f"{path}.when: must be a mapping of paths to values")
        when = {}
    settable = {*draft.axes, *draft.fixed}
    for value in draft.axes.values():
        for choice in value.get("values") or ():
            settable |= set(choice) if isinstance(choice, Mapping) else set()
    joint = {f"{owner}.{key}" for owner, one in draft.axes.items() for key in _joint_keys(one)}
    for condition in when:
        if condition not in settable | joint:
            hint = nearest(str(condition), sorted({*draft.axes, *draft.fixed, *joint}))
            found.append(f"{path}.when: {condition}: is no axis and no fixed value{hint}")
    description["when"] = {str(key): value for key, value in when.items()}
    if "values" in description:
        values = description["values"] if isinstance(description["values"], list) else [description["values"]]
        description["values"] = [_plain(path, value, found) for value in values]
        kinds = {isinstance(value, Mapping) for value in values}
        if len(kinds) > 1:
            found.append(f"{path}: mixes single values with mappings")
    else:
        ends = [description.get("low"), description.get("high")]
        description["integer"] = description.get(
            "integer", all(isinstance(end, int) and not isinstance(end, bool) for end in ends)
        )
    axis = None
    if not found:
        try:
            axis = Axis.model_validate({**description, "path": path})
        except ValidationError as error:
            found += translate(error, Axis, description, f"{path}.")
    problems += (with_origin(line, draft.origins) for line in found)
    return axis


def _joint_keys(description: Mapping[str, Any]) -> set[str]:
    values = description.get("values") or ()
    listed = values if isinstance(values, list) else [values]
    return {str(key) for value in listed if isinstance(value, Mapping) for key in value}


def _plain(path: str, value: Any, problems: list[str], depth: int = 0) -> Any:
    """Return a value with `none` as None, or add a problem if it is nested too deeply to be shown."""
    if isinstance(value, Mapping | list):
        if depth >= _MAX_VALUE_DEPTH:
            problems.append(f"{path}: is nested too deeply")
            return value
        if isinstance(value, list):
            return [_plain(path, inner, problems, depth + 1) for inner in value]
        return {str(key): _plain(path, inner, problems, depth + 1) for key, inner in value.items()}
    return None if value == "none" else value


def check_names(paths: Sequence[str], problems: list[str]) -> None:
    """Add a problem for each path that is not the user's to name."""
    for path in dict.fromkeys(paths):
        first = path.partition(".")[0]
        if not path or path != path.strip(". ") or ".." in path or not path.isprintable() or "=" in path:
            problems.append(f"{path!r}: is no name: use letters, digits, _ and dots")
        elif first in _RESERVED:
            why = "trial.seed is given to every trial" if first == "seed" else "it is a key of the run"
            problems.append(f"{path}: cannot be an axis or a value: {why}")
        elif path in TABLE_COLUMNS or path == "train":
            what = "the key of the function" if path == "train" else "a column of the table of trials"
            problems.append(f"{path}: is {what}: name it with a dot, as in my.{path}")


def check_added_values(
    space: Space, arguments: Mapping[str, Argument], problems: list[str]
) -> dict[str, Axis]:
    """Return the axes that a resume gives more values, as they would be with these values alone."""
    axes = {}
    for path, argument in arguments.items():
        draft = Draft(space.name)
        draft.fixed = {other.path: None for other in space.axes if other.path != path} | space.fixed
        when = dict(space.axis(path).when)
        draft.axes[path] = {"values": argument.values, **({"when": when} if when else {})}
        if (axis := _axis(path, draft, problems)) is not None:
            axes[path] = axis
    return axes


def unfitting_settings(values: Mapping[str, Any]) -> list[str]:
    """Return a line for each setting of a run that an own training function cannot follow."""
    unfitting = {
        "keep": "its weights are the function's own: save them there",
        "test": "its test set is the function's own: report a signal",
    }
    return [
        f"{key}={shown(values[key])}: does not apply to an own training function; {why}"
        for key, why in unfitting.items()
        if values.get(key) not in (None, "none", False)
    ]


def never_active(space: Space) -> list[str]:
    """Return a line for each axis whose condition no trial can meet."""
    setters = {path: axis for axis in space.axes for path in axis.paths}
    notes = []
    for axis in space.axes:
        for path, wanted in axis.when.items():
            setter = setters.get(path)
            possible = [space.fixed.get(path), *(setter.values_at(path) if setter else ())]
            is_range = setter is not None and setter.values is None
            if not is_range and not any(value in alternatives(wanted) for value in possible):
                notes.append(f"{axis.path} is never there: {path} is never {shown(wanted)}")
    return notes
