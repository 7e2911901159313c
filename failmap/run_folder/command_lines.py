"""Command lines of Failmap: how this installation starts one, and which command a stored line started."""

import shlex
from collections.abc import Sequence
from pathlib import Path

#: In a checkout `failmap/search` is a link to `search`.
_IS_CHECKOUT = (Path(__file__).parents[1] / "search").is_symlink()
#: Commands whose thin entries are not `search/NAME.py`. The scripts of `completion` complete `failmap` alone.
_ENTRIES = {"report": "analysis.report", "signals": "analysis.signal_table"}


def program(command: str) -> tuple[str, ...]:
    """Return how to start a command here: `failmap run`, or `python -m search.run` in a checkout."""
    if _IS_CHECKOUT and command != "completion":
        return ("python", "-m", _ENTRIES.get(command, f"search.{command}"))
    return ("failmap", command)


def command_line(command: str, *arguments: str) -> str:
    """Return the shell command that starts a command with arguments."""
    return shlex.join((*program(command), *arguments))


def parse_command_line(line: Sequence[str]) -> tuple[str, list[str]]:
    """Return the command that a stored line started, and its arguments; ('', []) if it is not one of ours."""
    match list(line):
        case ["python", "-m", entry, *arguments] if entry.startswith("search."):
            return entry.removeprefix("search."), arguments
        case ["failmap", command, *arguments]:
            return command, arguments
        case _:
            return "", []
