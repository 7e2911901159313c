"""Makes one run of several: python -m search.merge run=NAME [from=FOLDER,...] [into=NAME]."""

from collections.abc import Sequence

from failmap.run_folder.command_lines import program
from failmap.run_folder.errors import UserError, printable
from failmap.run_folder.wording import quantity
from failmap.search.merging.request import MergeRequest, read_merge

HELP = """Makes one run of the shards of a run, or of any runs of the same space. These stay as they are.

usage: python -m search.merge run=NAME [storage=FOLDER] [from=FOLDER,FOLDER ...] [into=NAME]

  run=NAME         the shards of this run: NAME.1of5, NAME.2of5, ...; or runs by their names: run=A,B
  storage=FOLDER   folder that holds runs, the merged one as well (default: runs)
  from=FOLDER,...  further folders that hold runs, or runs' own folders, on disks or object stores
  into=NAME        the merged run's name (default: NAME, where shards of one run are merged)

Refused, with all reasons at once: runs that search another space, by another criterion, with another budget
of updates or another seed; a shard that is there twice; a trial that two runs have with different histories;
a run that is being driven; one that is corrupt. Unfinished trials go on from their checkpoints after
  python -m search.resume run=NAME
"""

#: Trials that a message names at most.
_MAX_TOLD = 10


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    if {"--help", "-h"} & set(words):
        print(HELP, end="")
        return 0
    request = read_merge(words)
    for line in merge(request, [*program("merge"), *words]):
        print(printable(line))
    return 0


def merge(request: MergeRequest, typed: Sequence[str]) -> list[str]:
    """Merges, and returns what is to be told.

    Raises:
        UserError: the runs do not belong together, a line for each reason; or the folder cannot be written.
    """
    # Here, not above: they bring Optuna and pandas along, and a typo is to be told at once.
    from failmap.search.allocation.map_allocation import shard_cells
    from failmap.search.cost import relative_cost
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
        order = {cell: place for place, cell in enumerate(shard_cells(config, relative_cost))}
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
    begun = {tuple(taken.trial.user_attrs["cell"].items()) for taken in gathered.trials}
    told = [
        f"merged {quantity(len(sources), 'run')} into {request.target.path}: "
        f"{quantity(len(gathered.trials), 'trial')}, {unfinished} of them unfinished, "
        f"in {len(begun)} of {quantity(len(order), 'cell')}"
    ]
    if absent := absent_shards(sources):
        told.append(f"missing: {', '.join(absent)}; merge again, into another name, once they are there")
    if gathered.num_repeated:
        repeated = quantity(gathered.num_repeated, "trial")
        told.append(f"{repeated} were in two runs, with the same histories, and were taken once")
    told += (f"note: {line}" for line in harmless_differences(sources))
    return [
        *told,
        f"its map:      {' '.join(program('report'))} {_run_words(request)}",
        f"going on:     {resume_command(request.target)}",
    ]


def _run_words(request: MergeRequest) -> str:
    storage = "" if request.storage == "runs" else f" storage={request.storage}"
    return f"run={request.target.name}{storage}"


def _some(problems: Sequence[str]) -> list[str]:
    """As many as can be read."""
    more = len(problems) - _MAX_TOLD
    return [*problems[:_MAX_TOLD], *([f"and {more} more of that kind"] if more > 0 else [])]
