"""The run folder on a disk: making it, and how trouble with the disk is told."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import MAX_LENGTH, RunFolder, name_problem
from failmap.run_folder.storage import AnyPath, store_of


def resume_command(folder: RunFolder) -> str:
    """The command that goes on with a run."""
    storage = [] if str(folder.path.parent) == "runs" else [f"storage={folder.path.parent}"]
    return command_line("resume", f"run={folder.name}", *storage)


def create_run_folder(folder: RunFolder) -> None:
    """Makes the folder of a new run.

    Raises:
        UserError: it exists already, or cannot be made.
    """
    store = store_of(folder.path)
    if store.exists(folder.journal) or store.exists(folder.config):
        raise UserError(
            f"{folder.path} exists already: go on with it by {resume_command(folder)}, "
            "or name this run otherwise by run=NAME"
        )
    try:
        store.make_folder(folder.trials)
    except OSError as error:
        raise UserError(
            f"cannot make {folder.path}: {error.strerror or error}; name another folder by storage="
        ) from error


@contextmanager
def report_disk_errors(folder: RunFolder) -> Iterator[None]:
    """Turns an error of the file system into one line that says how to go on.

    Raises:
        UserError: the disk is full, the folder cannot be written, or the like.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or folder.path
        raise UserError(
            f"cannot write {where}: {error.strerror or error}; nothing that was finished is lost. "
            f"Once that is mended, go on with {resume_command(folder)}"
        ) from error


__all__ = ["MAX_LENGTH", "generate_run_name", "name_problem"]


def generate_run_name(
    space: str, differences: Sequence[tuple[str, str]], storage: AnyPath, suffix: str = ""
) -> str:
    """A name that says the space and what differs from its default: `lstm_depth-parity-depth_1_2`.

    Args:
        space: the space's name.
        differences: keys and texts of the words that change what the run is.
        storage: folder in which no run of the name may lie yet; -2, -3, ... is added until none does.
        suffix: what the name ends with: a shard's.
    """
    parts = (_part(key, text) for key, text in sorted(differences, key=_rank))
    name = "-".join(_safe(part) for part in (space, *parts))
    # The longest suffix for all shards, so that their names differ in nothing else.
    room = MAX_LENGTH - len("-9999") - (len(".9999of9999") if suffix else 0)
    name = _shortened(name.lstrip("._+-") or "run", room)
    store, unique, count = store_of(storage), name, 1
    while store.exists(storage / f"{unique}{suffix}"):
        count += 1
        unique = f"{name}-{count}"
    return f"{unique}{suffix}"


def _part(key: str, text: str) -> str:
    """`model.depth`, `1,2` becomes `depth_1_2`; a task's or network's name speaks for itself."""
    key = key.removesuffix(".name")
    return text if key in ("task", "model") else f"{key.partition('.')[2] or key}_{text}"


def _rank(difference: tuple[str, str]) -> tuple[bool, bool, str]:
    """Task and network first, then what concerns trials, then what concerns the run."""
    key, _ = difference
    return key.removesuffix(".name") not in ("task", "model"), "." not in key, key


def _safe(part: str) -> str:
    return re.sub(r"_+", "_", re.sub(r"\.{2,}|[^A-Za-z0-9.+-]", "_", part)).strip("_")


def _shortened(name: str, room: int) -> str:
    """At most so many characters; what is cut off is told by a short hash."""
    if len(name) <= room:
        return name
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[: room - len(digest) - 1].rstrip('._+-')}-{digest}"
