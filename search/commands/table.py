"""The table of commands: what `failmap NAME` and `python -m search.NAME` run."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from failmap.run_folder.errors import UserError, nearest, run_program


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: What users type.
        summary: One line for `failmap --help`.
        module: The module whose `main` takes the arguments and returns the exit status. It is imported when
            the command runs: most of them bring torch, Ray or pandas along.
    """

    name: str
    summary: str
    module: str

    def run(self, arguments: Sequence[str]) -> int:
        """Run the command and return its exit status. Raises UserError for a user's mistakes."""
        handler: Callable[[Sequence[str]], int] = import_module(self.module).main
        return handler(arguments)


def _command(name: str, summary: str, module: str | None = None) -> Command:
    return Command(name, summary, module or f"failmap.search.commands.{name}")


COMMANDS = {
    command.name: command
    for command in (
        _command("run", "search where recurrent networks stop learning, and draw a failure map"),
        _command("resume", "continue a run"),
        _command("status", "show the progress of runs"),
        _command("stop", "ask the driver of a run to save and end"),
        _command("check", "check trials before they are trained"),
        _command("rescue", "try fixes in the cells that fail"),
        _command("ablate", "find what a recipe that learned depends on"),
        _command("report", "write a run's report", "failmap.analysis.reporting"),
        _command("signals", "print one signal over a run's cells", "failmap.analysis.signals_by_cell"),
        _command("merge", "merge the shards of a run, or several runs, into one"),
        _command("submit", "run a search as a job of a Ray cluster"),
        _command("manifest", "print the files that start a cluster and a run on it"),
    )
}


def main(name: str | None = None) -> None:
    """Run a command with the process's arguments, and exit with its status.

    Args:
        name: The command; the first argument if None.
    """
    arguments = sys.argv[1:]
    if name is None:
        if not arguments or arguments[0] in ("--help", "-h"):
            print(_overview(), end="")
            sys.exit(0)
        name, *arguments = arguments
    sys.exit(run_program(partial(_run, name), arguments))


def _run(name: str, arguments: Sequence[str]) -> int:
    if name not in COMMANDS:
        raise UserError(f"unknown command {name!r}{nearest(name, COMMANDS)}")
    return COMMANDS[name].run(arguments)


def _overview() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {command.name:<{width}}{command.summary}" for command in COMMANDS.values()]
    return "\n".join(
        [
            "usage: failmap COMMAND [key=value ...]",
            "",
            "Failmap shows where recurrent networks stop learning, why, and what fixes it.",
            "",
            *lines,
            "",
            "`failmap COMMAND --help` lists the keys of a command.",
            "",
        ]
    )
