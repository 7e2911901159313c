"""Runs a search on a cluster from afar, as a job: python -m search.submit space=NAME run=NAME storage=... ..."""

import shlex
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.text import Text

from analysis.errors import UserError, command
from analysis.storage import is_local, place_of
from search.config import RunConfig
from search.loading import Request, read_request
from search.loading.words import Word, read_words

#: Words that are about the job, or that the job has otherwise.
_OWN_KEYS = ("follow", "resume", "cluster.address")


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    if {"--help", "-h"} & set(words):
        from search.help import submit_help

        print(submit_help(), end="")
        return 0
    request, is_followed = _read(words)
    config, console = request.config, Console()
    for note in request.notes:
        console.print(Text(note), soft_wrap=True)
    if find_spec("aiohttp") is None:
        raise UserError("search.submit needs Ray's Jobs client: pip install 'failmap[cluster]'")
    from search.cluster.dashboard import prepare_jobs_client

    prepare_jobs_client(config.cluster)
    # Here, not above: it brings Ray along, and a typo is to be told at once.
    from search.cluster.jobs import Jobs, job_stem
    from search.cluster.shipment import megabytes, ship

    jobs = Jobs(config.cluster)
    with tempfile.TemporaryDirectory(prefix="failmap-submit-") as name:
        folder = Path(name)
        shipped = ship([word for word in words if word.partition("=")[0] not in _OWN_KEYS], folder)
        entrypoint = shlex.join(
            ["python", "-m", "search.run", *shipped, "cluster.address=auto", "resume=true"]
        )
        size = megabytes(folder)
        job = jobs.submit(job_stem(config.run, config.storage), entrypoint, folder)
    began = (
        f"submitted as {job.id}, with {size:.1f} MB of code" if job.is_new else f"is under way as {job.id}"
    )
    console.print(Text(f"run {config.run} {began}"), soft_wrap=True)
    if not is_followed:
        console.print(Text(_how_to_look(config)), soft_wrap=True)
        return 0
    try:
        return jobs.follow(job.id, _show)
    except KeyboardInterrupt:
        console.print(
            Text(f"\nNot followed any more; the run goes on.\n{_how_to_look(config)}"), soft_wrap=True
        )
        return 130


def _read(words: Sequence[str]) -> tuple[Request, bool]:
    """The run that is asked for, and whether its log is followed.

    Raises:
        UserError: with a line for each mistake.
    """
    read = read_words(words, problems := [])
    follow = read.get("follow")
    if follow is not None and not isinstance(follow.value, bool):
        problems.append(f"{follow}: must be true or false")
    if "plan" in read:
        problems.append(f"{read['plan']}: plans are made here: python -m search.run ... plan=true")
    if "run" not in read:
        problems.append("run: is missing: a job that is started again needs a name that stays the same")
    problems += _address_problems(read.get("cluster.address"))
    storage = read.get("storage")
    if storage is None or (is_local(place_of(storage.text)) and not Path(storage.text).is_absolute()):
        problems.append(
            f"storage={storage.text if storage else 'runs'}: must be a place that every node sees: "
            "a shared folder by its absolute path, or s3://BUCKET/FOLDER"
        )
    try:
        request = read_request([word for word in words if not word.startswith(("follow=", "resume="))])
    except UserError as error:
        raise UserError(*dict.fromkeys([*problems, *error.problems])) from None
    problems += _file_problems(request.config)
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return request, follow is None or bool(follow.value)


def _address_problems(address: Word | None) -> list[str]:
    example = "the dashboard of its head node, as in cluster.address=http://HOST:8265"
    if address is None:
        return [f"cluster.address: is missing: {example}"]
    if not str(address.value).startswith(("http://", "https://")):
        return [f"{address}: must be {example}"]
    return []


def _file_problems(config: RunConfig) -> list[str]:
    """Data that nodes of the cluster would look for in vain."""
    from search.data import trials_of_tasks

    paths = dict.fromkeys(trial.task.source_path for trial in trials_of_tasks(config.space))
    return [
        f"{path}: data are not shipped: name a place that every node sees, by its absolute path"
        for path in paths
        if path and not Path(path).is_absolute()
    ]


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _how_to_look(config: RunConfig) -> str:
    where = shlex.join([f"run={config.run}", f"storage={config.storage}"])
    return f"  python -m search.status {where}\n  python -m search.stop {where}"


if __name__ == "__main__":
    command(main)
