"""New runs: their generated names, their folders, and errors of the storage."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import MAX_LENGTH, RunFolder
from failmap.run_folder.storage import AnyPath, store_of


def generate_run_name(
    space: str, differences: Sequence[tuple[str, str]], storage: AnyPath, suffix: str = ""
) -> str:
    """Return a name made of the space and its changed settings: `lstm_depth-parity-depth_1_2`.

    Args:
        space: The space's name.
        differences: Keys and texts of the arguments that define the run.
        storage: The folder of runs; -2, -3, ... is appended until no run in it has the name.
        suffix: The suffix of a shard.
    """
    name = "-".join(_safe(part) for part in (space, *map(_part, sorted(differences, key=_rank))))
    # Room for the longest suffix, so that the names of shards differ in nothing else.
    room = MAX_LENGTH - len("-9999") - (len(".9999of9999") if suffix else 0)
    name = _shortened(name.lstrip("._+-") or "run", room)
    store, unique, count = store_of(storage), name, 1
    while store.exists(storage / f"{unique}{suffix}"):
        count += 1
        unique = f"{name}-{count}"
    return f"{unique}{suffix}"


def create_run_folder(folder: RunFolder) -> None:
    """Create the folder of a new run.

    Raises:
        UserError: It exists already, or cannot be created.
    """
    store = store_of(folder.path)
    if store.exists(folder.journal) or store.exists(folder.config):
        raise UserError(
            f"{folder.path} exists already: continue it with {resume_command(folder)}, "
            "or give this run another name by run=NAME"
        )
    try:
        store.make_folder(folder.trials)
    except OSError as error:
        raise UserError(
            f"cannot create {folder.path}: {error.strerror or error}; name another folder by storage="
        ) from error


@contextmanager
def report_disk_errors(folder: RunFolder) -> Iterator[None]:
    """Turn errors of the file system into a UserError that says how to continue.

    Raises:
        UserError: The disk is full, the folder cannot be written, or the like.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or folder.path
        raise UserError(
            f"cannot write {where}: {error.strerror or error}; nothing that was finished is lost. "
            f"Once that is fixed, continue with {resume_command(folder)}"
        ) from error


def resume_command(folder: RunFolder) -> str:
    """Return the command that continues a run."""
    return command_line("resume", *run_arguments(folder))


def run_arguments(folder: RunFolder) -> list[str]:
    """Return the arguments that name a run, its storage among them unless it is the default."""
    storage = [] if str(folder.path.parent) == "runs" else [f"storage={folder.path.parent}"]
    return [f"run={folder.name}", *storage]


def _part(difference: tuple[str, str]) -> str:
    """Return `depth_1_2` for `model.depth` and `1,2`; a task's or network's name needs no key."""
    key, text = difference[0].removesuffix(".name"), difference[1]
    return text if key in ("task", "model") else f"{key.partition('.')[2] or key}_{text}"


def _rank(difference: tuple[str, str]) -> tuple[bool, bool, str]:
    """Sort task and network first, then settings of trials, then settings of the run."""
    key, _ = difference
    return key.removesuffix(".name") not in ("task", "model"), "." not in key, key


def _safe(part: str) -> str:
    return re.sub(r"_+", "_", re.sub(r"\.{2,}|[^A-Za-z0-9.+-]", "_", part)).strip("_")


def _shortened(name: str, room: int) -> str:
    """Shorten a name to `room` characters, with a hash of the whole name at its end."""
    if len(name) <= room:
        return name
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[: room - len(digest) - 1].rstrip('._+-')}-{digest}"
