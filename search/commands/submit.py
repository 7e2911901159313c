"""Runs a search on a cluster from afar, as a job: python -m search.submit run=NAME storage=... ..."""

import shlex
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.text import Text

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.search.config import RunConfig
from failmap.search.loading import Request
from failmap.search.loading.cli_args import Argument, parse_arguments
from failmap.search.remote import job_arguments, read_remote_request
from failmap.search.terminal.view import SafeConsole

#: Words that are about the job, not about the run.
_OWN_KEYS = ("follow",)


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    if {"--help", "-h"} & set(words):
        from failmap.search.commands.help import submit_help

        print(submit_help(), end="")
        return 0
    request, is_followed = _read(words)
    config, console = request.config, SafeConsole()
    for note in request.notes:
        console.print(Text(note), soft_wrap=True)
    if find_spec("aiohttp") is None:
        raise UserError("search.submit needs Ray's Jobs client: pip install -e '.[cluster]'")
    from failmap.search.cluster.authentication import prepare_jobs_client

    prepare_jobs_client(config.cluster)
    # Here, not above: it brings Ray along, and a typo is to be told at once.
    from failmap.search.cluster.job_package import megabytes, ship
    from failmap.search.cluster.jobs import Jobs, job_stem

    jobs = Jobs(config.cluster)
    with tempfile.TemporaryDirectory(prefix="failmap-submit-") as name:
        folder = Path(name)
        shipped = ship(job_arguments(words, _OWN_KEYS), folder)
        entrypoint = shlex.join(
            ["python", "-m", "failmap", "run", *shipped, "cluster.address=auto", "resume=true"]
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
    problems: list[str] = []
    read = parse_arguments(words, problems)
    follow = read.get("follow")
    if follow is not None and not isinstance(follow.value, bool):
        problems.append(f"{follow}: must be true or false")
    problems += _address_problems(read.get("cluster.address"))
    request = read_remote_request(words, read, _OWN_KEYS, problems)
    return request, follow is None or bool(follow.value)


def _address_problems(address: Argument | None) -> list[str]:
    example = "the dashboard of its head node, as in cluster.address=http://HOST:8265"
    if address is None:
        return [f"cluster.address: is missing: {example}"]
    if not str(address.value).startswith(("http://", "https://")):
        return [f"{address}: must be {example}"]
    return []


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _how_to_look(config: RunConfig) -> str:
    where = [f"run={config.run}", f"storage={config.storage}"]
    return f"  {command_line('status', *where)}\n  {command_line('stop', *where)}"
