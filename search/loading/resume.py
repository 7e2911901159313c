"""The configuration of a stored run that is continued: its own, with other limits or more values."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder, names_of_runs
from failmap.run_folder.storage import check_location, parse_location, store_of
from failmap.run_folder.storage.bounded_files import require_plain_files
from failmap.search.config import RunConfig
from failmap.search.loading.build import Checker
from failmap.search.loading.cli_args import Argument, Group, parse_arguments
from failmap.search.loading.combinations import impossible_combinations
from failmap.search.loading.draft import Draft
from failmap.search.loading.fields import KINDS, Schema
from failmap.search.loading.request import run_values
from failmap.search.loading.stored import flat
from failmap.search.loading.validation import shown, translate
from failmap.search.new_run import name_problem
from failmap.search.space import Axis, Space

#: Groups that a run may be continued with, besides more values on an axis.
_GROUPS: tuple[Group, ...] = ("budget", "cluster")
_ANOTHER_RUN = "that is another run; start it with search.run"


def locate(arguments: Sequence[str]) -> tuple[RunFolder, list[str]]:
    """Return the folder of the run that `run=` and `storage=` name, and the other arguments.

    Raises:
        UserError: No run is named, none has that name, or its folder has links in it.
    """
    own = ("run=", "storage=")
    named = dict(argument.partition("=")[::2] for argument in arguments if argument.startswith(own))
    others = [argument for argument in arguments if not argument.startswith(own)]
    storage = parse_location(named.get("storage", "runs"))
    check_location(storage)
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


def resume_config(stored: RunConfig, arguments: Sequence[str]) -> RunConfig:
    """Return a stored configuration with other `budget.*`, `cluster.*`, `keep`, and more values on its axes.

    Values are added behind those that an axis has, so that defaults and the order of cells stay.

    Raises:
        UserError: With a line for each mistake, and for each difference that would make it another run.
    """
    problems: list[str] = []
    read = parse_arguments(arguments, problems)
    journal = {"journal": read.pop("journal")} if "journal" in read else {}
    choices = {group: read.pop(group) for group in _GROUPS if group in read}
    allowed = {
        key: read.pop(key) for key in list(read) if key == "keep" or key.startswith(("budget.", "cluster."))
    }
    kept = {group: getattr(stored, group).model_dump() for group in _GROUPS if group not in choices}
    changes = run_values(allowed | journal, choices, problems, kept)
    if changes.get("journal", stored.journal) != stored.journal:
        names = f"{stored.journal or 'none'} -> {changes['journal'] or 'none'}"
        problems.append(f"journal: {names}: {_ANOTHER_RUN}")
    grown = {axis.path: read.pop(axis.path) for axis in stored.space.axes if axis.path in read}
    problems += _refusals(stored, read)
    if stored.shard is not None:
        problems += (
            f"{grown[path]}: a shard's map keeps its cells, for other shards have the rest: "
            "merge the shards first (search.merge), and continue the whole run"
            for path in stored.space.map.paths
            if path in grown
        )
    space = _with_more_values(stored.space, grown, problems) if grown else stored.space
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return RunConfig.model_validate({**dict(stored), **changes, "space": space})


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
    draft = Draft(space.name, axes={axis.path: _description(axis, axis.values or ()) for axis in space.axes})
    draft.fixed = {
        f"{group}.name": space.base[group]["name"] for group in KINDS if "name" in space.base[group]
    }
    for path, argument in arguments.items():
        draft.axes[path] = _description(axes[path], argument.values)
    checker = Checker(draft, Schema(draft.names("task"), draft.names("model")), problems)
    for path, argument in arguments.items():
        old, new = axes[path], checker.axis(path)
        if new is None:
            continue
        missing = [value for value in old.values or () if value not in (new.values or ())]
        if missing or old.values is None:
            lost = shown(missing) if missing else "its range"
            problems.append(f"{argument}: lacks {lost} of the axis: {_ANOTHER_RUN}")
            continue
        added = tuple(value for value in new.values or () if value not in old.values)
        axes[path] = old.model_copy(update={"values": old.values + added})
    if problems:
        return space
    try:
        larger = Space.model_validate({**dict(space), "axes": tuple(axes.values())})
    except ValidationError as error:
        problems += translate(error, Space, {})
        return space
    problems += impossible_combinations(larger)
    return larger


def _description(axis: Axis, values: Sequence[Any]) -> dict[str, Any]:
    return {"values": list(values), "when": dict(axis.when)}
