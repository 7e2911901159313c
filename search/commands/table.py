"""The table of commands: what `failmap NAME` and `python -m search.NAME` run."""

import os
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from failmap.run_folder.errors import UserError, nearest, run_program

if TYPE_CHECKING:
    from failmap.search.commands.help import HelpPage

_HELP = {"--help", "-h"}
#: The exit status after Ctrl-C.
_INTERRUPTED = 130
_VERSION = "--version"
#: Packages on whose versions a run's numbers may depend.
_PACKAGES = ("torch", "ray", "optuna")


@dataclass(frozen=True)
class Command:
    """One command: two functions of a module in `failmap.search.commands`.

    The module is imported when the command runs, because most modules import torch, Ray or pandas. The
    function of the command's name takes the arguments, does the work and returns the exit status. Its
    docstring opens the help. `NAME_help()` returns the help page. If `has_json`, the command takes
    `as_json=True` as well.

    Attributes:
        name: What users type.
        module: The module's name.
        summary: One line for `failmap --help`.
        has_json: Whether the command takes `--json` (docs/json.md).
    """

    name: str
    module: str
    summary: str
    has_json: bool = False

    def run(self, arguments: Sequence[str]) -> int:
        """Run the command and return its exit status. Raises UserError for a user's mistakes."""
        if _HELP & set(arguments):
            print(self.help_page().render(), end="")
            return 0
        if _VERSION in arguments:
            print(versions())
            return 0
        handler = getattr(import_module(f"failmap.search.commands.{self.module}"), self.name)
        if self.has_json:
            handler = partial(handler, as_json="--json" in arguments)
            arguments = [argument for argument in arguments if argument != "--json"]
        status: int = handler(arguments)
        return status

    def help_page(self) -> "HelpPage":
        """Return what `--help` prints."""
        module = import_module(f"failmap.search.commands.{self.module}")
        page: HelpPage = getattr(module, f"{self.name}_help")()
        return page


COMMANDS = {
    entry.name: entry
    for entry in (
        Command(
            "run", "running", "search where recurrent networks stop learning, and draw a failure map", True
        ),
        Command("resume", "running", "continue a run"),
        Command("status", "reading", "show the progress of runs", has_json=True),
        Command("stop", "stop", "ask the driver of a run to save and end"),
        Command("delete", "delete", "delete a run"),
        Command("check", "check", "check trials before they are trained", has_json=True),
        Command("rescue", "interventions", "try fixes in the cells that fail"),
        Command("ablate", "interventions", "find what a recipe that learned depends on"),
        Command("report", "reporting", "write a run's report", has_json=True),
        Command("best", "best", "name the best recipes of a run, as YAML, arguments and PyTorch", True),
        Command("signals", "reading", "print one signal over a run's cells"),
        Command("merge", "merge", "merge the shards of a run, or several runs, into one"),
        Command("submit", "clusters", "run a search as a job of a Ray cluster"),
        Command("manifest", "clusters", "print the files that start a cluster and a run on it"),
        Command("completion", "completion", "print a shell's completion of commands and their arguments"),
    )
}


def main(name: str | None = None) -> None:
    """Run a command with the process's arguments, and exit with its status.

    Args:
        name: The command; the first argument if None.
    """
    status = run_program(_run_any if name is None else COMMANDS[name].run, sys.argv[1:])
    if status == _INTERRUPTED:
        # All of ours is closed, and the interpreter takes seconds to take torch and Ray apart.
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)
    sys.exit(status)


def _run_any(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in _HELP:
        sys.stdout.write(overview())
        return 0
    if arguments[0] == _VERSION:
        print(versions())
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        raise UserError(f"unknown command {name!r}{nearest(name, COMMANDS)}")
    return COMMANDS[name].run(arguments[1:])


def versions() -> str:
    """Return the versions of Failmap, Python and the packages below it, without importing these."""

    def version_of(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "not installed"

    parts = [f"failmap {version_of('failmap')}", f"Python {platform.python_version()}"]
    return ", ".join([*parts, *(f"{name} {version_of(name)}" for name in _PACKAGES)])


def overview() -> str:
    """Return what `failmap --help` prints."""
    width = max(map(len, COMMANDS)) + 2
    listed = "\n".join(f"  {entry.name:<{width}}{entry.summary}" for entry in COMMANDS.values())
    return f"""\
usage: failmap COMMAND [key=value ...]

Failmap shows where recurrent networks stop learning, why, and what fixes it.

{listed}

`failmap COMMAND --help` lists the keys of a command; `failmap --version` prints versions.
"""
