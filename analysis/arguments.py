"""The key=value arguments of programs that read a run."""

from collections.abc import Sequence

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import names_of_runs
from failmap.run_folder.storage import parse_location


def read_run_arguments(arguments: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    """Return the values of arguments by key, including `run` and `storage` (default: 'runs').

    Args:
        arguments: The command line.
        keys: Other keys that the program accepts.

    Raises:
        UserError: An argument is not key=value, a key is unknown, or no run is given; all mistakes at once.
    """
    known = ("run", "storage", *keys)
    settings, problems = {"storage": "runs"}, []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            problems.append(f"{argument!r} is not key=value")
        elif key not in known:
            problems.append(f"unknown key {key!r}{nearest(key, known)}")
        else:
            settings[key] = value
    if "run" not in settings and not problems:
        names = names_of_runs(parse_location(settings["storage"]))
        hint = f"; in {settings['storage']}: {', '.join(names)}" if names else ""
        problems.append(f"run=NAME is missing{hint}")
    if problems:
        raise UserError(*problems)
    return settings
