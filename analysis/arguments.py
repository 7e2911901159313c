"""The key=value words of programs that read a run."""

from collections.abc import Sequence

from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import names_of_runs
from failmap.run_folder.storage import parse_location


def read_run_arguments(words: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    """The words' values by key, `run` among them and `storage`, whose default is 'runs'.

    Args:
        words: as they were typed.
        keys: that the program knows beside these two.

    Raises:
        UserError: a word is no key=value, a key is not known, or no run is named. All mistakes at once.
    """
    known = ("run", "storage", *keys)
    settings, problems = {"storage": "runs"}, []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            problems.append(f"{word!r} is not key=value")
        elif key not in known:
            problems.append(f"unknown key {key!r}{nearest(key, known)}")
        else:
            settings[key] = value
    if "run" not in settings and not problems:
        there = names_of_runs(parse_location(settings["storage"]))
        hint = f"; in {settings['storage']}: {', '.join(there)}" if there else ""
        problems.append(f"run=NAME is missing{hint}")
    if problems:
        raise UserError(*problems)
    return settings
