"""The command that merges shards or runs into one run."""

from collections.abc import Sequence

from failmap.run_folder.command_lines import command_line, program
from failmap.run_folder.errors import UserError, printable
from failmap.run_folder.wording import quantity
from failmap.search.commands.help import STORAGE, HelpPage, Section
from failmap.search.merging.request import MergeRequest, read_merge

#: The most trials that a message names.
_MAX_NAMED = 10


def help_page() -> HelpPage:
    """Return the command's help."""
    keys = [
        ("run", "the shards of this run: NAME.1of5, NAME.2of5, ...; or runs by their names: A,B (required)"),
        STORAGE,
        ("from", "further folders that hold runs, or runs' own folders, separated by commas"),
        ("into", "the merged run's name (default: NAME, if shards of one run are merged)"),
    ]
    return HelpPage(
        "run=NAME [storage=FOLDER] [from=FOLDER,FOLDER ...] [into=NAME]",
        "Merge the shards of a run, or several runs of the same space, into one run. The sources do not "
        "change. Unfinished trials continue from their checkpoints when the merged run is resumed.",
        [
            ("run=lstm_depth from=/mnt/anna/runs,s3://bucket/runs", "the shards that three machines made"),
            ("run=monday,tuesday into=both", "two runs of the same space"),
        ],
        [Section("Arguments:", keys)],
        "Refused, with all reasons at once: runs of different spaces, criteria, update budgets or seeds; a "
        "shard that occurs twice; a trial that two runs have with different histories; a run that has a "
        "driver; a corrupt run.",
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status. Raises UserError for a user's mistakes."""
    for line in merge(read_merge(arguments), [*program("merge"), *arguments]):
        print(printable(line))
    return 0


def merge(request: MergeRequest, typed: Sequence[str]) -> list[str]:
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
        Source,
        absent_shards,
        harmless_differences,
        incompatibilities,
        merged_config,
        read_source,
    )
    from failmap.search.new_run import resume_command

    sources: list[Source] = []
    problems: list[str] = []
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
        problems += _some(gathered.problems)
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
    return [
        *lines,
        f"report:        {command_line('report', *_run_arguments(request))}",
        f"continue with: {resume_command(request.target)}",
    ]


def _run_arguments(request: MergeRequest) -> list[str]:
    storage = [] if request.storage == "runs" else [f"storage={request.storage}"]
    return [f"run={request.target.name}", *storage]


def _some(problems: Sequence[str]) -> list[str]:
    """Return the first problems, and how many more there are."""
    more = len(problems) - _MAX_NAMED
    return [*problems[:_MAX_NAMED], *([f"and {more} more of this kind"] if more > 0 else [])]
