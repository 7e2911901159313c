"""The table of commands: what `failmap NAME` and `python -m search.NAME` run."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from failmap.run_folder.errors import UserError, nearest, run_program

if TYPE_CHECKING:
    from failmap.search.commands.help import HelpPage


@dataclass(frozen=True)
class Command:
    """One command. Its module in `failmap.search.commands` has its name.

    The module is imported when the command runs, because most modules import torch, Ray or pandas. It has
    `main(arguments)`, which parses the arguments, does the work and returns the exit status, and
    `help_page()`, which lists the arguments. If `has_json`, `main` takes `as_json=True` as well.

    Attributes:
        name: What users type.
        summary: One line for `failmap --help`.
        has_json: Whether the command takes `--json` (docs/json.md).
    """

    name: str
    summary: str
    has_json: bool = False

    def run(self, arguments: Sequence[str]) -> int:
        """Run the command and return its exit status. Raises UserError for a user's mistakes."""
        if _HELP & set(arguments):
            print(self.help_page().render(self.name), end="")
            return 0
        handler = import_module(f"failmap.search.commands.{self.name}").main
        if self.has_json:
            handler = partial(handler, as_json="--json" in arguments)
            arguments = [argument for argument in arguments if argument != "--json"]
        status: int = handler(arguments)
        return status

    def help_page(self) -> "HelpPage":
        """Return what `--help` prints."""
        page: HelpPage = import_module(f"failmap.search.commands.{self.name}").help_page()
        return page


_HELP = {"--help", "-h"}

COMMANDS = {
    entry.name: entry
    for entry in (
        Command(
            "run", "search where recurrent networks stop learning, and draw a failure map", has_json=True
        ),
        Command("resume", "continue a run"),
        Command("status", "show the progress of runs", has_json=True),
        Command("stop", "ask the driver of a run to save and end"),
        Command("check", "check trials before they are trained", has_json=True),
        Command("rescue", "try fixes in the cells that fail"),
        Command("ablate", "find what a recipe that learned depends on"),
        Command("report", "write a run's report", has_json=True),
        Command("signals", "print one signal over a run's cells"),
        Command("merge", "merge the shards of a run, or several runs, into one"),
        Command("submit", "run a search as a job of a Ray cluster"),
        Command("manifest", "print the files that start a cluster and a run on it"),
        Command("completion", "print a shell's completion of commands and their arguments"),
    )
}


def main(name: str | None = None) -> None:
    """Run a command with the process's arguments, and exit with its status.

    Args:
        name: The command; the first argument if None.
    """
    sys.exit(run_program(_run_any if name is None else COMMANDS[name].run, sys.argv[1:]))


def _run_any(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in _HELP:
        sys.stdout.write(overview())
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        raise UserError(f"unknown command {name!r}{nearest(name, COMMANDS)}")
    return COMMANDS[name].run(arguments[1:])


def overview() -> str:
    """Return what `failmap --help` prints."""
    width = max(map(len, COMMANDS)) + 2
    return "\n".join(
        [
            "usage: failmap COMMAND [key=value ...]",
            "",
            "Failmap shows where recurrent networks stop learning, why, and what fixes it.",
            "",
            *(f"  {entry.name:<{width}}{entry.summary}" for entry in COMMANDS.values()),
            "",
            "`failmap COMMAND --help` lists the keys of a command.",
            "",
        ]
    )
