"""Which runs a storage holds, and how runs and their trials may be called."""

import re
from pathlib import Path

from failmap.analysis.storage import AnyPath, is_local, store_of

CONFIG_NAME = "config.yaml"
MAX_LENGTH = 80

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def name_problem(name: str) -> str | None:
    """Why a name cannot be a run's, or None where it can."""
    if len(name) > MAX_LENGTH:
        return f"a run's name has at most {MAX_LENGTH} characters"
    if not _ALLOWED.fullmatch(name) or ".." in name:
        return "a run's name is letters, digits and . _ + - , begins with a letter or digit, and has no '..'"
    return None


def is_trial_number(name: str) -> bool:
    """Whether a folder is named as a trial's is."""
    return name.isascii() and name.isdecimal() and str(int(name)) == name


def names_of_runs(storage: AnyPath) -> list[str]:
    """The names of the folders that hold a run, sorted; none where the storage is missing."""
    store = store_of(storage)
    if is_local(storage):
        # Not read: it may be anything that somebody else put there.
        folder = Path(str(storage))
        return [name for name in store.list_folders(storage) if (folder / name / CONFIG_NAME).is_file()]
    configs = [storage / name / CONFIG_NAME for name in store.list_folders(storage)]
    return [config.parent.name for config in store.read_many(configs)]
