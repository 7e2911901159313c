"""The command that merges shards or runs into one run."""

from collections.abc import Sequence
from dataclasses import dataclass

from failmap.run_folder.command_lines import command_line, program
from failmap.run_folder.errors import UserError, nearest, printable
from failmap.run_folder.paths import RunFolder, name_problem
from failmap.run_folder.storage import AnyPath, parse_location, store_of
from failmap.run_folder.wording import quantity
from failmap.search.commands.help import STORAGE, HelpPage, Section
from failmap.search.loading.cli_args import read_run_arguments
from failmap.search.shards import shard_of_name

#: The most trials that a message names.
_MAX_NAMED = 10


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


def merge(arguments: Sequence[str]) -> int:
    """Merge the shards of a run, or several runs of the same space, into one run. The sources do not change.
    Unfinished trials continue from their checkpoints when the merged run is resumed.

    Refused, with all reasons at once: runs of different spaces, criteria, update budgets or seeds; a shard
    that occurs twice; a trial that two runs have with different histories; a run that has a driver; a corrupt
    run.
    """
    for line in merge_runs(read_merge(arguments), [*program("merge"), *arguments]):
        print(printable(line))
    return 0


def merge_help() -> HelpPage:
    """Return the help of `merge`."""
    keys = [
        ("run", "the shards of this run: NAME.1of5, NAME.2of5, ...; or runs by their names: A,B (required)"),
        STORAGE,
        ("from", "further folders that hold runs, or runs' own folders, separated by commas"),
        ("into", "the merged run's name (default: NAME, if shards of one run are merged)"),
    ]
    examples = [
        ("run=lstm_depth from=/mnt/anna/runs,s3://bucket/runs", "the shards that three machines made"),
        ("run=monday,tuesday into=both", "two runs of the same space"),
    ]
    usage = "run=NAME [storage=FOLDER] [from=FOLDER,FOLDER ...] [into=NAME]"
    return HelpPage(merge, usage, examples, [Section("Arguments:", keys)])


def merge_runs(request: MergeRequest, typed: Sequence[str]) -> list[str]:
    """Merge runs, and return lines that report the result.

    Args:
        request: What to merge.
        typed: The command line, for the merged run's provenance.

    Raises:
        UserError: The runs do not belong together, one line for each reason; or the folder cannot be written.
    """
    # Not imported above: Optuna and pandas delay the message about a typo.
    from failmap.search.allocation.map_allocation import shard_cells
    from failmap.search.merging.merged_run import merge_trials, write_run
    from failmap.search.merging.sources import (
        absent_shards,
        harmless_differences,
        incompatibilities,
        merged_config,
        read_source,
    )
    from failmap.search.new_run import resume_command

    sources, problems = [], list[str]()
    for folder in request.folders:
        try:
            sources.append(read_source(folder))
        except UserError as error:
            problems += error.problems
    unlike = list(incompatibilities(sources))
    if sources and not unlike:
        config = merged_config(sources, run=request.target.name, storage=request.storage)
        order = {cell: position for position, cell in enumerate(shard_cells(config))}
        gathered = merge_trials(sources, order)
        problems += gathered.problems[:_MAX_NAMED]
        if (more := len(gathered.problems) - _MAX_NAMED) > 0:
            problems.append(f"and {more} more of this kind")
    if problems or unlike:
        raise UserError(*unlike, *problems)
    try:
        write_run(config, request.target, gathered, sources, typed)
    except OSError as error:
        where = error.filename or request.target.path
        raise UserError(f"cannot copy {where}: {error.strerror or error}; no run was made") from error

    unfinished = sum(not taken.has_ended for taken in gathered.trials)
    started = {tuple(taken.trial.user_attrs["cell"].items()) for taken in gathered.trials}
    lines = [
        f"merged {quantity(len(sources), 'run')} into {request.target.path}: "
        f"{quantity(len(gathered.trials), 'trial')}, {unfinished} of them unfinished, "
        f"in {len(started)} of {quantity(len(order), 'cell')}"
    ]
    if absent := absent_shards(sources):
        lines.append(f"missing: {', '.join(absent)}; merge again, into another name, once they are there")
    if gathered.num_repeated:
        repeated = quantity(gathered.num_repeated, "trial")
        lines.append(f"{repeated} were in two runs, with the same histories, and were taken once")
    lines += (f"note: {line}" for line in harmless_differences(sources))
    storage = [] if request.storage == "runs" else [f"storage={request.storage}"]
    return [
        *lines,
        f"report:        {command_line('report', f'run={request.target.name}', *storage)}",
        f"continue with: {resume_command(request.target)}",
    ]


def read_merge(arguments: Sequence[str]) -> MergeRequest:
    """Return the runs that a command line asks to merge.

    Raises:
        UserError: An argument is wrong; one line for each mistake.
    """
    settings = read_run_arguments(arguments, ("from", "into"))
    storage, names = settings["storage"], [name for name in settings["run"].split(",") if name]
    storages = list(dict.fromkeys([storage, *filter(None, settings.get("from", "").split(","))]))
    problems = [f"run={name}: {problem}" for name in names if (problem := name_problem(name))]
    into = settings.get("into") or _common_name(names)
    if into is None:
        raise UserError(*problems, "into=NAME is missing: the name of the merged run")
    if problem := name_problem(into):
        problems.append(f"into={into}: {problem}")
    elif shard_of_name(into)[1] is not None:
        problems.append(f"into={into}: this form of name is for shards")
    if problems:
        raise UserError(*problems)
    target = RunFolder(parse_location(storage) / into)
    locations = [parse_location(each) for each in storages]
    folders = _find(names, locations)
    if store_of(target.path).exists(target.path):
        problems.append(f"{target.path} exists already: give the merged run another name by into=NAME")
    searched, none = ", ".join(storages), "no such run, and no shard of it, in"
    found = {name for folder in folders for name in (folder.name, shard_of_name(folder.name)[0])}
    if not folders:
        known = sorted({shard_of_name(name)[0] for location in locations for name in _runs(location)})
        problems.append(f"run={settings['run']}: {none} {searched}{nearest(names[0], known)}")
    elif len(folders) == 1:
        problems.append(
            f"{folders[0].path} is the only one in {searched}: name the folder of the others by from=FOLDER"
        )
    elif len(names) > 1:
        problems += (f"run={name}: {none} {searched}" for name in names if name not in found)
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
        if store_of(storage).exists(RunFolder(storage).config):
            paths = [storage]
        else:
            runs = _runs(storage)
            paths = [storage / run for name in names for run in _named(name, runs)]
        found |= {str(path.resolve()): RunFolder(path) for path in paths}
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
