"""The run folder on a disk: making it, and how trouble with the disk is told."""

from collections.abc import Iterator
from contextlib import contextmanager

from failmap.analysis.errors import UserError
from failmap.analysis.run_folder import RunFolder
from failmap.analysis.storage import store_of
from failmap.run_folder.command_lines import command_line


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
def disk_errors_told(folder: RunFolder) -> Iterator[None]:
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
