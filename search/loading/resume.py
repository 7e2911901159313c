"""What a stored run goes on with: its own configuration, with other limits, places or more values."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder, name_problem, names_of_runs
from failmap.run_folder.storage import check_location, parse_location, store_of
from failmap.run_folder.storage.bounded_files import require_plain_files
from failmap.search.config import RunConfig
from failmap.search.loading.build import Checker
from failmap.search.loading.cli_args import Group, Word, parse_arguments
from failmap.search.loading.combinations import impossible_combinations
from failmap.search.loading.draft import Draft
from failmap.search.loading.fields import KINDS, Chosen, model_problems, shown
from failmap.search.loading.request import group_values, journal_values, run_values
from failmap.search.loading.stored import flat
from failmap.search.space import Space

#: What a run may be resumed with, beside more values on an axis.
_GROUPS: tuple[Group, ...] = ("budget", "cluster")


def locate(words: Sequence[str]) -> tuple[RunFolder, list[str]]:
    """The folder of the run that `run=` and `storage=` name, and the words that are left.

    Raises:
        UserError: no run is named, there is none of that name (the nearest is told), or it has links in it.
    """
    named = dict(word.partition("=")[::2] for word in words if word.startswith(("run=", "storage=")))
    others = [word for word in words if not word.startswith(("run=", "storage="))]
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


def resume_config(stored: RunConfig, words: Sequence[str]) -> RunConfig:
    """The stored configuration with other `budget.*`, `cluster.*`, `keep`, and more values on its axes.

    Values are added behind those that an axis has, so that defaults and the order of cells stay.

    Raises:
        UserError: with a line for each mistake, and for each difference that would make it another run.
    """
    problems: list[str] = []
    read = parse_arguments(words, problems)
    allowed = {
        key: word for key, word in read.items() if key == "keep" or key.startswith(("budget.", "cluster."))
    }
    changes = run_values(allowed, problems)
    if "journal" in read:
        changes |= _journal_again(stored, read.pop("journal"), problems)
    for group in _GROUPS:
        old = getattr(stored, group).model_dump()
        chosen = group_values(group, read.pop(group), problems) if group in read else old
        changes[group] = chosen | changes.get(group, {})
    rest = {key: word for key, word in read.items() if key not in allowed}
    grown = {axis.path: rest.pop(axis.path) for axis in stored.space.axes if axis.path in rest}
    problems += _refusals(stored, rest)
    if stored.shard is not None:
        problems += (
            f"{grown[path]}: a shard's map keeps its cells, for other shards are dealt the rest: "
            "merge the shards first (search.merge), and go on with the whole run"
            for path in stored.space.map.paths
            if path in grown
        )
    space = _with_more_values(stored.space, grown, problems) if grown else stored.space
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return RunConfig.model_validate({**dict(stored), **changes, "space": space})


def _journal_again(stored: RunConfig, word: Word, problems: list[str]) -> dict[str, Any]:
    """The password of the run's database, which is kept nowhere: the word must name the same one."""
    values = journal_values(word, problems)
    if values and values["journal"] != stored.journal:
        problems.append(
            f"journal: {stored.journal or 'none'} -> {values['journal'] or 'none'}: that is another run; "
            "start it with search.run"
        )
    return values


def _refusals(stored: RunConfig, words: Mapping[str, Word]) -> list[str]:
    """What words would change that a run cannot change."""
    old = dict(flat(stored))
    refusals = []
    for key, word in words.items():
        path = f"{key}.name" if key in KINDS else key
        if path not in old:
            alike = nearest(key, old)
            hint = alike if alike.startswith("; did") else "; see --help for what a run is resumed with"
            refusals.append(f"{word}: unknown key{hint}")
        elif old[path] != shown(word.value):
            refusals.append(
                f"{key}: {old[path]} -> {shown(word.value)}: that is another run; start it with search.run"
            )
    return refusals


def _with_more_values(space: Space, words: Mapping[str, Word], problems: list[str]) -> Space:
    draft = Draft(space.name, axes={axis.path: _description(axis.values, axis.when) for axis in space.axes})
    draft.fixed = {
        f"{group}.name": space.base[group]["name"] for group in KINDS if "name" in space.base[group]
    }
    axes = {axis.path: axis for axis in space.axes}
    for path, word in words.items():
        draft.axes[path] = _description(tuple(word.values), axes[path].when)
    checker = Checker(draft, Chosen(draft.names("task"), draft.names("model")), problems)
    for path in words:
        old, new = axes[path], checker.axis(path)
        if new is None:
            continue
        missing = [value for value in old.values or () if value not in (new.values or ())]
        if missing or old.values is None:
            lost = shown(missing) if missing else "its range"
            problems.append(
                f"{words[path]}: lacks {lost} of the axis: that is another run; start it with search.run"
            )
            continue
        added = tuple(value for value in new.values or () if value not in old.values)
        axes[path] = old.model_copy(update={"values": old.values + added})
    if problems:
        return space
    try:
        larger = Space.model_validate({**dict(space), "axes": tuple(axes.values())})
    except ValidationError as error:
        problems += model_problems(error)
        return space
    problems += impossible_combinations(larger)
    return larger


def _description(values: Any, when: Mapping[str, Any]) -> dict[str, Any]:
    return {"values": list(values or ()), "when": dict(when)}
