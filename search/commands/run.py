"""Begins a run: python -m search.run space=NAME key=value ..."""

from collections.abc import Sequence
from time import monotonic

from rich.text import Text

from failmap.run_folder.command_lines import program
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import check_location, parse_location, store_of, write_atomically
from failmap.search.input_checks import check_device, check_files, check_weights
from failmap.search.loading import (
    Request,
    differences,
    from_yaml,
    read_request,
    to_yaml,
    unresumable_differences,
)
from failmap.search.new_run import create_run_folder, report_disk_errors, resume_command
from failmap.search.terminal.view import SafeConsole


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    started = monotonic()
    if {"--help", "-h"} & set(words):
        from failmap.search.commands.help import run_help

        print(run_help(), end="")
        return 0
    request = read_request(words)
    console = SafeConsole()
    for note in request.notes:
        console.print(Text(note), soft_wrap=True)
    if request.plan:
        check_files(request.config)
        check_weights(request.config)
        from failmap.search.plan import show_plan

        show_plan(request.config, console)
        return 0
    storage = parse_location(request.config.storage)
    check_location(storage)
    folder = RunFolder(storage / request.config.run)
    goes_on = _goes_on(request, folder)
    check_files(request.config)
    check_weights(request.config)
    check_device(request.config)
    if not goes_on:
        # Here, not above: it brings torch along, and a typo is to be told at once.
        from failmap.search.preflight.run import brief_preflight, check_command

        for line in brief_preflight(request.config, check_command(words)):
            console.print(Text(line), soft_wrap=True)
        create_run_folder(folder)
        with report_disk_errors(folder):
            write_atomically(folder.config, to_yaml(request.config))
    # Here, not above: it brings pandas and Optuna along.
    from failmap.search.driver import drive

    typed = [*program("run"), *words]
    return drive(request.config, folder, command=typed, started=started, console=console)


def _goes_on(request: Request, folder: RunFolder) -> bool:
    """Whether the run exists and is gone on with, as `resume=true` allows: with what search.resume takes.

    Raises:
        UserError: it exists otherwise, with what its configuration has otherwise.
    """
    if not store_of(folder.path).exists(folder.config):
        return False
    stored = from_yaml(folder.config)
    changed = (unresumable_differences if request.resume else differences)(stored, request.config)
    if not changed and request.resume:
        return True
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
