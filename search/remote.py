"""What a run needs that is to be driven elsewhere: a name that stays, and places that every node sees."""

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
    words: Sequence[str], read: Mapping[str, Argument], own_keys: Sequence[str], problems: list[str]
) -> Request:
    """The run that words ask for, checked as search.run does it.

    Args:
        words: the command line's.
        read: the same, read.
        own_keys: keys that are not about the run; `resume` is, but goes without saying.
        problems: mistakes that are told together with those found here.

    Raises:
        UserError: with a line for each mistake.
    """
    if "plan" in read:
        problems.append(f"{read['plan']}: plans are made here: {' '.join(program('run'))} ... plan=true")
    named = {_key(word) for word in words}
    if "run" not in named:
        problems.append("run: is missing: a job that is started again needs a name that stays the same")
    if "storage" in read or "storage" not in named:
        problems += _storage_problems(read.get("storage"))
    try:
        request = read_request([word for word in words if _key(word) not in (*own_keys, "plan", "resume")])
    except UserError as error:
        raise UserError(*dict.fromkeys([*problems, *error.problems])) from None
    problems += _file_problems(request.config)
    if request.config.journal_password is not None:
        problems.append("journal: whoever sees the cluster reads a job's words: set PGPASSWORD there instead")
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return request


def job_arguments(words: Sequence[str], own_keys: Sequence[str]) -> list[str]:
    """The words that search.run is given there: `cluster.address` and `resume` are the job's affair."""
    return [word for word in words if _key(word) not in (*own_keys, "cluster.address", "resume")]


def _storage_problems(storage: Argument | None) -> list[str]:
    text = "runs" if storage is None else storage.text
    try:
        place = parse_location(text)
    except UserError as error:
        return list(error.problems)
    if is_local(place) and not place.is_absolute():
        return [
            f"storage={text}: must be a place that every node sees: a shared folder by its absolute path, "
            "or s3://BUCKET/FOLDER"
        ]
    return []


def _file_problems(config: RunConfig) -> list[str]:
    """Data that nodes of the cluster would look for in vain."""
    paths = dict.fromkeys(trial.task.source_path for trial in trials_of_tasks(config.space))
    return [
        f"{path}: data are not shipped: name a place that every node sees, by its absolute path"
        for path in paths
        if path and not Path(path).is_absolute()
    ]


def _key(word: str) -> str:
    return word.partition("=")[0]
