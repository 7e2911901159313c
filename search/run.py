"""Begins a run: python -m search.run space=NAME key=value ..."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.text import Text

from analysis.errors import UserError, command
from analysis.records import RunFolder
from analysis.storage import write_atomically
from search.config import RunConfig
from search.data import check_files
from search.device import check_device
from search.loading import differences, from_yaml, read_request, to_yaml
from search.storage import create_run_folder, disk_errors_told, resume_command
from search.weights import check_weights


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    started = monotonic()
    if {"--help", "-h"} & set(words):
        from search.help import run_help

        print(run_help(), end="")
        return 0
    request = read_request(words)
    console = Console()
    for note in request.notes:
        console.print(Text(note), soft_wrap=True)
    if request.plan:
        check_files(request.config)
        check_weights(request.config)
        from search.plan import show_plan

        show_plan(request.config, console)
        return 0
    folder = RunFolder(Path(request.config.storage) / request.config.run)
    _refuse_another_run(request.config, folder)
    check_files(request.config)
    check_weights(request.config)
    check_device(request.config)
    # Here, not above: it brings torch along, and a typo is to be told at once.
    from search.preflight.brief import brief_preflight, check_command

    for line in brief_preflight(request.config, check_command(words)):
        console.print(Text(line), soft_wrap=True)
    create_run_folder(folder)
    with disk_errors_told(folder):
        write_atomically(folder.config, to_yaml(request.config))
    # Here, not above: it brings pandas and Optuna along.
    from search.driver import drive

    typed = ["python", "-m", "search.run", *words]
    return drive(request.config, folder, command=typed, started=started, console=console)


def _refuse_another_run(config: RunConfig, folder: RunFolder) -> None:
    """Raises UserError if the run exists, with what its configuration has otherwise."""
    if not folder.config.exists():
        return
    changed = differences(from_yaml(folder.config), config)
    if not changed:
        raise UserError(
            f"{folder.path} exists already, with this configuration: "
            f"go on with it by {resume_command(folder)}"
        )
    raise UserError(
        f"{folder.path} exists already, with another configuration; name this run otherwise by run=NAME. "
        "It differs in",
        *changed,
    )


if __name__ == "__main__":
    command(main)
