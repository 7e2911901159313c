"""The arguments of search.merge: which runs to merge, and under which name."""

from collections.abc import Sequence
from dataclasses import dataclass

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder, name_problem
from failmap.run_folder.storage import AnyPath, parse_location, store_of
from failmap.search.commands.arguments import read_run_arguments
from failmap.search.shards import shard_of_name


@dataclass(frozen=True)
class MergeRequest:
    """The runs to merge.

    Attributes:
        folders: The folders of at least two runs.
        target: The folder of the merged run, which does not exist.
        storage: The storage of the merged run, as the user named it.
    """

    folders: tuple[RunFolder, ...]
    target: RunFolder
    storage: str


def read_merge(arguments: Sequence[str]) -> MergeRequest:
    """Parse the arguments of search.merge.

    Raises:
        UserError: One line for each mistake.
    """
    settings = read_run_arguments(arguments, ("from", "into"))
    storage, names = settings["storage"], [name for name in settings["run"].split(",") if name]
    storages = list(dict.fromkeys([storage, *filter(None, settings.get("from", "").split(","))]))
    problems = [f"run={name}: {problem}" for name in names if (problem := name_problem(name))]
    into = settings.get("into") or _common_name(names)
    if into is None:
        problems.append("into=NAME is missing: the name of the merged run")
    elif problem := name_problem(into):
        problems.append(f"into={into}: {problem}")
    elif shard_of_name(into)[1] is not None:
        problems.append(f"into={into}: this form of name is for shards")
    if problems:
        raise UserError(*problems)
    assert into is not None
    target = RunFolder(parse_location(storage) / into)
    folders = _find(names, [parse_location(each) for each in storages])
    if store_of(target.path).exists(target.path):
        problems.append(f"{target.path} exists already: give the merged run another name by into=NAME")
    searched = ", ".join(storages)
    if not folders:
        known = sorted({shard_of_name(name)[0] for each in storages for name in _runs(parse_location(each))})
        problems.append(
            f"run={settings['run']}: no such run, and no shard of it, in {searched}{nearest(names[0], known)}"
        )
    elif len(folders) == 1:
        problems.append(
            f"{folders[0].path} is the only one in {searched}: name the folder of the others by from=FOLDER"
        )
    known_names = {name for folder in folders for name in (folder.name, shard_of_name(folder.name)[0])}
    if len(folders) > 1 and len(names) > 1:
        missing = (name for name in names if name not in known_names)
        problems += (f"run={name}: no such run, and no shard of it, in {searched}" for name in missing)
    if problems:
        raise UserError(*problems)
    return MergeRequest(tuple(folders), target, storage)


def _common_name(names: Sequence[str]) -> str | None:
    """Return the run of which all names are shards, or None if there is no single one."""
    whole = {shard_of_name(name)[0] for name in names}
    is_clear = len(names) == 1 or all(shard_of_name(name)[1] for name in names)
    return whole.pop() if len(whole) == 1 and is_clear else None


def _find(names: Sequence[str], storages: Sequence[AnyPath]) -> list[RunFolder]:
    """Return the runs of these names in all storages, in a fixed order; shards if no run has the name.

    A storage that is itself a run's folder is included, whatever its name.
    """
    found: dict[str, RunFolder] = {}
    for storage in storages:
        runs = _runs(storage)
        wanted = [storage / run for name in names for run in _named(name, runs)]
        is_run = store_of(storage).exists(RunFolder(storage).config)
        for path in [storage] if is_run else wanted:
            found[str(path.resolve())] = RunFolder(path)
    return sorted(found.values(), key=lambda folder: (*_order(folder.name), str(folder.path)))


def _named(name: str, runs: Sequence[str]) -> list[str]:
    """Return the run of a name, or its shards."""
    return [name] if name in runs else [run for run in runs if shard_of_name(run)[0] == name != run]


def _order(name: str) -> tuple[str, int, int]:
    whole, shard = shard_of_name(name)
    return (whole, 0, 0) if shard is None else (whole, shard.count, shard.index)


def _runs(storage: AnyPath) -> list[str]:
    store = store_of(storage)
    return [name for name in store.list_folders(storage) if store.exists(RunFolder(storage / name).config)]
