"""Checks of a run that is driven on a cluster: it needs a fixed name, and paths that every node sees."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from failmap.run_folder.command_lines import program
from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import is_local, parse_location
from failmap.search.config import RunConfig
from failmap.search.input_checks import trials_of_tasks
from failmap.search.loading import Request, read_request
from failmap.search.loading.cli_args import Argument


def read_remote_request(
    arguments: Sequence[str], parsed: Mapping[str, Argument], own_keys: Sequence[str], problems: list[str]
) -> Request:
    """Return the run that a command line asks for, checked as search.run does it.

    Args:
        arguments: The arguments of the command line.
        parsed: The same arguments, parsed.
        own_keys: Keys that do not concern the run. `resume` does, but it is implied.
        problems: Mistakes that are reported together with those found here.

    Raises:
        UserError: One line for each mistake.
    """
    if "plan" in parsed:
        problems.append(f"{parsed['plan']}: plans are made here: {' '.join(program('run'))} ... plan=true")
    named = {argument.partition("=")[0] for argument in arguments}
    if "run" not in named:
        problems.append("run: is missing: a job that is started again needs a name that stays the same")
    if "storage" in parsed or "storage" not in named:
        problems += _storage_problems(parsed.get("storage"))
    try:
        request = read_request(_without(arguments, *own_keys, "plan", "resume"))
    except UserError as error:
        raise UserError(*dict.fromkeys([*problems, *error.problems])) from None
    problems += _file_problems(request.config)
    if request.config.journal_password is not None:
        problems.append("journal: a job's arguments are visible on the cluster: set PGPASSWORD there instead")
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return request


def job_arguments(arguments: Sequence[str], own_keys: Sequence[str]) -> list[str]:
    """Return the arguments of search.run on the cluster: the job sets `cluster.address` and `resume`."""
    return _without(arguments, *own_keys, "cluster.address", "resume")


def _storage_problems(storage: Argument | None) -> list[str]:
    text = "runs" if storage is None else storage.text
    try:
        location = parse_location(text)
    except UserError as error:
        return list(error.problems)
    if is_local(location) and not location.is_absolute():
        return [
            f"storage={text}: must be visible to every node: a shared folder by its absolute path, "
            "or s3://BUCKET/FOLDER"
        ]
    return []


def _file_problems(config: RunConfig) -> list[str]:
    """Return a line for each data file that the nodes of the cluster cannot find."""
    if config.space.is_own:
        return []  # The function's file is shipped.
    paths = dict.fromkeys(path for trial in trials_of_tasks(config.space) for path in trial.task.source_paths)
    problem = "data are not shipped: use an absolute path that every node sees"
    return [f"{path}: {problem}" for path in paths if path and not Path(path).is_absolute()]


def _without(arguments: Sequence[str], *keys: str) -> list[str]:
    return [argument for argument in arguments if argument.partition("=")[0] not in keys]
