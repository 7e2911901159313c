"""The key=value words of programs that read a run."""

from collections.abc import Sequence
from pathlib import Path

from analysis.errors import UserError, nearest


def read_run_words(words: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
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
        there = [path.parent.name for path in sorted(Path(settings["storage"]).glob("*/config.yaml"))]
        hint = f"; in {settings['storage']}: {', '.join(there)}" if there else ""
        problems.append(f"run=NAME is missing{hint}")
    if problems:
        raise UserError(*problems)
    return settings
