"""Stored runs: their config.yaml, what differs between two of them, and what a resumed run may change."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from omegaconf import OmegaConf
from pydantic import ValidationError

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.parsing import MAX_CHARACTERS, YamlError, flatten
from failmap.run_folder.paths import RunFolder, check_storage, name_problem, names_of_runs
from failmap.run_folder.storage import AnyPath, parse_location, store_of
from failmap.run_folder.storage.bounded_files import require_plain_files
from failmap.run_folder.wording import in_order
from failmap.search.config import RunConfig
from failmap.search.loading.build import Checker
from failmap.search.loading.cli_args import Argument, Group, parse_arguments, parse_yaml
from failmap.search.loading.combinations import impossible_combinations
from failmap.search.loading.draft import Draft
from failmap.search.loading.fields import KINDS, Schema
from failmap.search.loading.more_updates import more_updates
from failmap.search.loading.own import check_added_values, unfitting_settings
from failmap.search.loading.request import run_values
from failmap.search.loading.validation import shown, translate
from failmap.search.own.config import OWN, OwnFunction
from failmap.search.own.function import parse_function
from failmap.search.space import Axis, Goal, Space

#: Beginnings of the keys that a resumed run may have otherwise.
_RESUMABLE = ("budget.", "cluster.", "futility.", "keep", "goal: ", "continue_to: ")
#: Groups that a run may be continued with, besides more values on an axis.
_GROUPS: tuple[Group, ...] = ("budget", "cluster")
#: Groups of settings that may be otherwise.
_CHANGEABLE = (*_GROUPS, "futility")
_ANOTHER_RUN = "that is another run; start it with search.run"


def to_yaml(config: RunConfig) -> str:
    """Return the text of config.yaml, from which the run can be repeated."""
    return str(OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json"))))


def from_yaml(source: str | AnyPath) -> RunConfig:
    """Read config.yaml from its text or its path.

    Raises:
        UserError: It cannot be read, or is no complete configuration.
    """
    name = "config.yaml" if isinstance(source, str) else str(source)
    try:
        text = source if isinstance(source, str) else store_of(source).read(source).decode("utf-8")
        values = parse_yaml(text[: MAX_CHARACTERS + 1])
        return RunConfig.model_validate(values)
    except ValidationError as error:
        problems = translate(error, RunConfig, values)
        raise UserError(*(f"{name}: {problem}" for problem in problems)) from None
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}") from None
    except (YamlError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: {error}") from None


def differences(old: RunConfig, new: RunConfig) -> list[str]:
    """Return a line for each dotted path that differs, as `train.clip_norm: 1 -> 5`, except the location."""
    before, after = dict(flat(old)), dict(flat(new))
    absent = "not set"
    return [
        f"{path}: {before.get(path, absent)} -> {after.get(path, absent)}"
        for path in dict.fromkeys([*before, *after])
        if before.get(path, absent) != after.get(path, absent)
    ]


def unresumable_differences(old: RunConfig, new: RunConfig) -> list[str]:
    """Return the differences that make it another run.

    Budget, cluster, keep, goal and values added to an axis make none.
    """
    grown = {
        axis.path
        for axis in new.space.axes
        for other in old.space.axes
        if axis.path == other.path
        if _has_grown(other, axis, is_on_map=axis.path in old.space.map_paths, is_shard=old.shard is not None)
    }
    changed = (line for line in differences(old, new) if not line.startswith(_RESUMABLE))
    return [line for line in changed if line.partition(": ")[0] not in grown]


def _has_grown(old: Axis, new: Axis, *, is_on_map: bool, is_shard: bool) -> bool:
    """Return whether the new axis has all of the old one's values and is otherwise the same.

    A shard's cells follow from the order of the map's values, so that one changes neither.
    """
    if old.values is None or new.values is None or (is_on_map and is_shard):
        return False
    # A map's axis is there in every cell: its default is not used.
    default = new.default if is_on_map else old.default
    same = old.model_copy(update={"values": new.values, "default": default}) == new
    return same and all(value in new.values for value in old.values)


def _extended(axis: Axis, added: Sequence[Any], *, is_on_map: bool) -> Axis:
    """Return an axis with more values, kept in order if it was; a default off the map stays."""
    old = axis.values or ()
    values = (*old, *added)
    if list(old) == in_order(old):
        values = tuple(in_order(values))
    default = values[0] if is_on_map and axis.default == old[0] else axis.default
    return axis.model_copy(update={"values": values, "default": default})


def flat(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Yield dotted paths, as arguments have them, and values as a user would write them."""
    # Run and storage say where a run is, not what it is.
    values = config.model_dump(mode="json", exclude={"run": True, "storage": True, "space": {"axes", "base"}})
    space = values.pop("space")
    own = {} if config.space.own is None else config.space.own.as_arguments()
    for part in (values, {"space": space.pop("name")}, space, own, config.space.fixed):
        yield from ((path, shown(value)) for path, value in flatten(part))
    for axis in config.space.axes:
        described = axis.model_dump(mode="json", exclude={"path"}, exclude_defaults=True)
        is_plain = axis.values is not None and not axis.when and axis.default == axis.values[0]
        yield axis.path, shown(axis.values if is_plain else described)


def locate(arguments: Sequence[str]) -> tuple[RunFolder, list[str]]:
    """Return the folder of the run that `run=` and `storage=` name, and the other arguments.

    Raises:
        UserError: No run is named, none has that name, or its folder has links in it.
    """
    own = ("run=", "storage=")
    named = dict(argument.partition("=")[::2] for argument in arguments if argument.startswith(own))
    others = [argument for argument in arguments if not argument.startswith(own)]
    storage = parse_location(named.get("storage", "runs"))
    check_storage(storage)
    if "run" not in named:
        raise UserError(f"run: is missing: which run in {storage}?{nearest('', names_of_runs(storage))}")
    if problem := name_problem(named["run"]):
        raise UserError(f"run={named['run']}: {problem}")
    folder = RunFolder(storage / named["run"])
    if not store_of(storage).exists(folder.config):
        hint = nearest(folder.name, names_of_runs(storage))
        raise UserError(f"run={folder.name}: no such run in {storage}{hint}")
    require_plain_files(folder.path)
    return folder, others


def require_searched(config: RunConfig) -> None:
    """Raise UserError if the run is a loop that `failmap.watch` saw, which has no journal to continue."""
    if config.watched:
        raise UserError(
            f"run={config.run}: is a loop of your own that was watched, not a search: nothing can be "
            "continued or added; see it with failmap report"
        )


def require_map(config: RunConfig, command: str) -> None:
    """Raise UserError if the run looks for the best recipe, and so has no cells."""
    if config.space.objectives:
        raise UserError(
            f"run={config.run}: looks for the best recipe (goal=best) and has no map, which {command} needs"
        )


def resume_config(stored: RunConfig, arguments: Sequence[str]) -> RunConfig:
    """Return a stored configuration with more axis values, and other settings of those that may change.

    These are `budget.*`, `cluster.*`, `futility.*`, `keep`, `goal` and, upwards, `train.max_updates`.

    An axis whose numbers are in order stays so, and its default stays; other values are added at its end.

    Raises:
        UserError: With a line for each mistake, and for each difference that would make it another run.
    """
    require_searched(stored)
    problems: list[str] = []
    read = parse_arguments(arguments, problems)
    choices = {group: read.pop(group) for group in _GROUPS if group in read}
    allowed = {
        key: read.pop(key)
        for key in list(read)
        if key in ("keep", "journal") or key.partition(".")[0] in _CHANGEABLE
    }
    kept = {group: getattr(stored, group).model_dump() for group in _CHANGEABLE if group not in choices}
    changes = run_values(allowed, choices, problems, kept)
    if stored.space.is_own:
        problems += unfitting_settings(changes)
    if changes.get("journal", stored.journal) != stored.journal:
        names = f"{stored.journal or 'none'} -> {changes['journal'] or 'none'}"
        problems.append(f"journal: {names}: {_ANOTHER_RUN}")
    own_space = stored.space
    if stored.space.own is not None and "train" in read:
        own_space = _with_moved_function(stored.space, stored.space.own, read.pop("train").text, problems)
    goal = read.pop("goal").text if "goal" in read else stored.space.goal
    changes["continue_to"] = more_updates(stored, read, problems)
    grown = {axis.path: read.pop(axis.path) for axis in stored.space.axes if axis.path in read}
    problems += _refusals(stored, read)
    if stored.shard is not None:
        problems += (
            f"{grown[path]}: a shard's map keeps its cells, for other shards have the rest: "
            "merge the shards first (search.merge), and continue the whole run"
            for path in stored.space.map_paths
            if path in grown
        )
    space = _with_more_values(own_space, grown, problems) if grown else own_space
    space = _with_goal(space, goal, problems)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return RunConfig.model_validate({**dict(stored), **changes, "space": space})


def _with_goal(space: Space, goal: str, problems: list[str]) -> Space:
    """Return a space with another goal, or unchanged if a problem was added."""
    if goal not in get_args(Goal):
        problems.append(
            f"goal={goal}: must be one of {', '.join(get_args(Goal))}{nearest(goal, get_args(Goal))}"
        )
        return space
    if (goal == "best") != (space.goal == "best"):
        problems.append(f"goal: {space.goal} -> {goal}: {_ANOTHER_RUN}")
        return space
    try:
        return Space.model_validate({**dict(space), "goal": goal})
    except ValidationError as error:
        problems += translate(error, Space, {})
        return space


def _with_moved_function(space: Space, own: OwnFunction, train: str, problems: list[str]) -> Space:
    """Return a space whose function's file is elsewhere, or unchanged if a problem was added."""
    try:
        function, folder = parse_function(train)
    except UserError as error:
        problems += error.problems
        return space
    if function != own.function:
        problems.append(f"train: {own.function} -> {function}: {_ANOTHER_RUN}")
        return space
    moved = own.model_copy(update={"folder": folder}).model_dump(mode="json")
    return space.model_copy(update={"base": {**space.base, OWN: moved}})


def _refusals(stored: RunConfig, arguments: Mapping[str, Argument]) -> list[str]:
    """Return a line for each argument that a run cannot be continued with."""
    old = dict(flat(stored))
    refusals = []
    for key, argument in arguments.items():
        path = f"{key}.name" if key in KINDS else key
        if path not in old:
            alike = nearest(key, old)
            hint = alike if alike.startswith("; did") else "; see --help for what a run is resumed with"
            refusals.append(f"{argument}: unknown key{hint}")
        elif old[path] != shown(argument.value):
            refusals.append(f"{key}: {old[path]} -> {shown(argument.value)}: {_ANOTHER_RUN}")
    return refusals


def _with_more_values(space: Space, arguments: Mapping[str, Argument], problems: list[str]) -> Space:
    """Return a space with the values that arguments add to its axes, or unchanged if problems were added."""
    axes = {axis.path: axis for axis in space.axes}
    if space.is_own:
        checked = check_added_values(space, arguments, problems)
    else:
        checked = _checked_axes(space, arguments, problems)
    for path, argument in arguments.items():
        old, new = axes[path], checked.get(path)
        if new is None:
            continue
        before, after = old.values or (), new.values or ()
        missing = [value for value in before if value not in after]
        if missing or old.values is None:
            lost = shown(missing) if missing else "its range"
            problems.append(f"{argument}: lacks {lost} of the axis: {_ANOTHER_RUN}")
            continue
        added = tuple(value for value in after if value not in before)
        axes[path] = _extended(old, added, is_on_map=path in space.map_paths)
    if problems:
        return space
    try:
        larger = Space.model_validate({**dict(space), "axes": tuple(axes.values())})
    except ValidationError as error:
        problems += translate(error, Space, {})
        return space
    if not space.is_own:
        problems += impossible_combinations(larger)
    return larger


def _checked_axes(space: Space, arguments: Mapping[str, Argument], problems: list[str]) -> dict[str, Axis]:
    """Return the axes that arguments are about, with the arguments' values alone."""
    axes = {axis.path: axis for axis in space.axes}
    draft = Draft(space.name)
    draft.fixed = {
        f"{group}.name": space.base[group]["name"] for group in KINDS if "name" in space.base[group]
    }
    for path, axis in axes.items():
        values = arguments[path].values if path in arguments else list(axis.values or ())
        draft.axes[path] = {"values": values, "when": dict(axis.when)}
    checker = Checker(draft, Schema(draft.names("task"), draft.names("model")), problems)
    return {path: new for path in arguments if (new := checker.axis(path)) is not None}
