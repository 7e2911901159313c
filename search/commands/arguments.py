"""The key=value arguments of commands that read runs."""

from collections.abc import Mapping, Sequence

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import names_of_runs
from failmap.run_folder.storage import parse_location


def read_run_arguments(
    arguments: Sequence[str], keys: Sequence[str] = (), *, needs_run: bool = True
) -> dict[str, str]:
    """Return the values of key=value arguments by key.

    Args:
        arguments: The command line's.
        keys: The keys that the command takes besides `run` and `storage`, whose default is 'runs'.
        needs_run: Whether `run` must be given.

    Raises:
        UserError: An argument is not key=value, a key is unknown, or `run` is missing; all mistakes at once.
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
    if needs_run and "run" not in settings and not problems:
        existing = names_of_runs(parse_location(settings["storage"]))
        hint = f"; in {settings['storage']}: {', '.join(existing)}" if existing else ""
        problems.append(f"run=NAME is missing{hint}")
    if problems:
        raise UserError(*problems)
    return settings


def is_true(settings: Mapping[str, str], key: str, default: bool) -> bool:
    """Return the value of a key that is true or false. Raises UserError for anything else."""
    text = settings.get(key, str(default))
    if text.lower() not in ("true", "false"):
        raise UserError(f"{key}={text}: must be true or false")
    return text.lower() == "true"
