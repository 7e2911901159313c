"""The command that runs a search as a job of a Ray cluster."""

import shlex
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.text import Text

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.search.commands.help import HelpPage, Section
from failmap.search.config import RunConfig
from failmap.search.loading import Request
from failmap.search.loading.cli_args import Argument, parse_arguments
from failmap.search.remote import job_arguments, read_remote_request
from failmap.search.terminal.view import SafeConsole

#: Arguments that are about the job, not about the run.
_OWN_KEYS = ("follow",)


def help_page() -> HelpPage:
    """Return the command's help."""
    keys = [
        ("run", "the name by which the job is found again (required)"),
        ("storage", "storage that every node sees: s3://BUCKET/FOLDER or /FOLDER (required)"),
        ("cluster.address", "the dashboard of the cluster's head node: http://HOST:8265 (required)"),
        ("follow", "show the job's log until it ends (true or false; default true)"),
    ]
    return HelpPage(
        "run=NAME storage=LOCATION cluster.address=http://HOST:8265 [KEY=VALUE ...]",
        "Run a search on a Ray cluster from another machine, as a job (docs/clusters/submit.md). The code is "
        "shipped. The same command follows the job while it runs, and continues the run after the job has "
        "ended. Ctrl-C stops following; the run continues.",
        [
            (
                "space=lstm_depth run=deep storage=s3://my-bucket/runs cluster.address=http://127.0.0.1:8265",
                "submit, and follow the log",
            ),
            ("... follow=false", "submit, and return at once"),
        ],
        [Section("Arguments, besides those of the command run:", keys)],
        "Exit status: the job's; 0 with follow=false; 130 after Ctrl-C; 2 for a mistake in the arguments.",
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status. Raises UserError for a user's mistakes."""
    request, is_followed = _read(arguments)
    config, console = request.config, SafeConsole()
    for note in request.notes:
        console.print(Text(note), soft_wrap=True)
    if find_spec("aiohttp") is None:
        raise UserError("submit needs Ray's Jobs client: pip install -e '.[cluster]'")
    from failmap.search.cluster.environment import prepare_jobs_client

    prepare_jobs_client(config.cluster)
    # Not imported above: Ray delays the message about a typo.
    from failmap.search.cluster.job_package import megabytes, ship
    from failmap.search.cluster.jobs import Jobs, job_stem

    jobs = Jobs(config.cluster)
    with tempfile.TemporaryDirectory(prefix="failmap-submit-") as name:
        folder = Path(name)
        shipped = ship(job_arguments(arguments, _OWN_KEYS), folder)
        entrypoint = shlex.join(
            ["python", "-m", "failmap", "run", *shipped, "cluster.address=auto", "resume=true"]
        )
        size = megabytes(folder)
        job = jobs.submit(job_stem(config.run, config.storage), entrypoint, folder)
    state = f"submitted as {job.id}, with {size:.1f} MB of code" if job.is_new else f"is running as {job.id}"
    console.print(Text(f"run {config.run} {state}"), soft_wrap=True)
    if not is_followed:
        console.print(Text(_next_commands(config)), soft_wrap=True)
        return 0
    try:
        return jobs.follow(job.id, _show)
    except KeyboardInterrupt:
        message = f"\nNo longer following; the run continues.\n{_next_commands(config)}"
        console.print(Text(message), soft_wrap=True)
        return 130


def _read(arguments: Sequence[str]) -> tuple[Request, bool]:
    """Return the run to submit, and whether to follow its log.

    Raises:
        UserError: An argument is wrong; one line for each mistake.
    """
    problems: list[str] = []
    read = parse_arguments(arguments, problems)
    follow = read.get("follow")
    if follow is not None and not isinstance(follow.value, bool):
        problems.append(f"{follow}: must be true or false")
    problems += _address_problems(read.get("cluster.address"))
    request = read_remote_request(arguments, read, _OWN_KEYS, problems)
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


def _next_commands(config: RunConfig) -> str:
    where = [f"run={config.run}", f"storage={config.storage}"]
    return f"  {command_line('status', *where)}\n  {command_line('stop', *where)}"
