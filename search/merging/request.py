"""Which runs a command line wants to be made one, and under which name."""

from collections.abc import Sequence
from dataclasses import dataclass

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath, parse_location, store_of
from failmap.search.commands.arguments import read_run_arguments
from failmap.search.new_run import name_problem
from failmap.search.shards import shard_of_name


@dataclass(frozen=True)
class MergeRequest:
    """What to merge.

    Attributes:
        folders: of the runs, at least two.
        target: the merged run's, which does not exist.
        storage: that holds it, as the user named it.
    """

    folders: tuple[RunFolder, ...]
    target: RunFolder
    storage: str


def read_merge(words: Sequence[str]) -> MergeRequest:
    """Reads the words of search.merge.

    Raises:
        UserError: with a line for each mistake.
    """
    settings = read_run_arguments(words, ("from", "into"))
    storage, names = settings["storage"], [name for name in settings["run"].split(",") if name]
    places = list(dict.fromkeys([storage, *filter(None, settings.get("from", "").split(","))]))
    problems = [f"run={name}: {problem}" for name in names if (problem := name_problem(name))]
    into = settings.get("into") or _common_name(names)
    if into is None:
        problems.append("into=NAME is missing: the name of the merged run")
    elif problem := name_problem(into):
        problems.append(f"into={into}: {problem}")
    elif shard_of_name(into)[1] is not None:
        problems.append(f"into={into}: such names are those of shards")
    if problems:
        raise UserError(*problems)
    assert into is not None
    target = RunFolder(parse_location(storage) / into)
    folders = _find(names, [parse_location(place) for place in places])
    if store_of(target.path).exists(target.path):
        problems.append(f"{target.path} exists already: name the merged run otherwise by into=NAME")
    told = ", ".join(places)
    if not folders:
        known = sorted({shard_of_name(name)[0] for place in places for name in _runs(parse_location(place))})
        problems.append(
            f"run={settings['run']}: no such run, and no shard of it, in {told}{nearest(names[0], known)}"
        )
    elif len(folders) == 1:
        problems.append(
            f"{folders[0].path} is the only one in {told}: name where the others lie by from=FOLDER"
        )
    known_names = {name for folder in folders for name in (folder.name, shard_of_name(folder.name)[0])}
    if len(folders) > 1 and len(names) > 1:
        missing = (name for name in names if name not in known_names)
        problems += (f"run={name}: no such run, and no shard of it, in {told}" for name in missing)
    if problems:
        raise UserError(*problems)
    return MergeRequest(tuple(folders), target, storage)


def _common_name(names: Sequence[str]) -> str | None:
    """What all names are shards of; None where they are no shards of one run."""
    whole = {shard_of_name(name)[0] for name in names}
    is_clear = len(names) == 1 or all(shard_of_name(name)[1] for name in names)
    return whole.pop() if len(whole) == 1 and is_clear else None


def _find(names: Sequence[str], places: Sequence[AnyPath]) -> list[RunFolder]:
    """The runs of these names in all places, and of one name that no run has its shards; in a fixed order.

    A place that is a run's folder itself is taken, whatever it is called.
    """
    found: dict[str, RunFolder] = {}
    for place in places:
        here = RunFolder(place)
        runs = _runs(place)
        wanted = [place / run for name in names for run in _named(name, runs)]
        for path in [place] if store_of(place).exists(here.config) else wanted:
            found[str(path.resolve())] = RunFolder(path)
    return sorted(found.values(), key=lambda folder: (*_order(folder.name), str(folder.path)))


def _named(name: str, runs: Sequence[str]) -> list[str]:
    """The run of a name, or its shards."""
    return [name] if name in runs else [run for run in runs if shard_of_name(run)[0] == name != run]


def _order(name: str) -> tuple[str, int, int]:
    whole, shard = shard_of_name(name)
    return (whole, 0, 0) if shard is None else (whole, shard.count, shard.index)


def _runs(place: AnyPath) -> list[str]:
    store = store_of(place)
    return [name for name in store.list_folders(place) if store.exists(RunFolder(place / name).config)]
