"""What is read of a run that somebody else may have made: files of bounded size, and nothing behind links."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage.location import AnyPath, is_local

#: The largest file that is read whole, but for histories and the journal, which are read line by line.
#: A provenance holds up to 1 MB of differences for each revision of the code that a run has seen.
MAX_BYTES = 100_000_000
#: What is larger in earnest: weights with the state of their optimizer, and a journal.
MAX_TENSOR_BYTES = 16_000_000_000
MAX_LOG_BYTES = 2_000_000_000
#: One line of a journal or a history: the longest of earnest have some 10 kB.
MAX_LINE_BYTES = 10_000_000

#: A run's folders lie at most so deep: trials, 5, checkpoint.
_MAX_DEPTH = 4


def read_bounded(path: AnyPath, most_bytes: int = MAX_BYTES) -> bytes:
    """A whole file. Raises OSError, and UserError where it is larger than a file of a run can be."""
    try:
        return read_plain(Path(str(path)), most_bytes)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise UserError(f"{path}: {error.strerror}") from None


def read_plain(path: Path, most_bytes: int = MAX_BYTES) -> bytes:
    """A whole file on a disk.

    Raises:
        OSError: it is missing or the like, no plain file (EINVAL), or larger (EFBIG).
    """
    # Without waiting: a pipe nobody writes to would have its reader wait for ever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if stat.S_ISDIR(state.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "neither a file nor a folder, and not read", str(path))
        content = b"" if state.st_size > most_bytes else file.read(most_bytes + 1)
    if max(len(content), state.st_size) > most_bytes:
        raise too_large(path, most_bytes)
    return content


def bounded_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, each with its newline, as they are asked for.

    Raises:
        OSError: it cannot be read; it, or a line of it, is larger than a run's (EFBIG).
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_LOG_BYTES:
            raise too_large(path, MAX_LOG_BYTES)
        while line := file.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES:
                raise too_large(path, MAX_LINE_BYTES)
            yield line


def too_large(path: AnyPath, most_bytes: int) -> OSError:
    """The error that a file is larger than a run's can be."""
    return OSError(errno.EFBIG, f"more than {most_bytes:,} bytes, so none of a run's files", str(path))


def require_plain_files(folder: AnyPath) -> None:
    """Refuses a run's folder with links, pipes or devices in it.

    Through a link a run that somebody else made could have files read and written that are not the run's;
    a pipe would have its reader wait for ever. The folder itself may be a link: its owner made it.

    Raises:
        UserError: there is one; it is named.
        OSError: a folder cannot be listed.
    """
    if not is_local(folder):
        return
    for entry in _entries(folder, _MAX_DEPTH):
        if entry.is_symlink():
            raise UserError(f"{entry.path}: is a link, and links within a run's folder are not followed")
        if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False):
            raise UserError(f"{entry.path}: is neither a file nor a folder, and not read")


def _entries(folder: Path | str, depth: int) -> Iterator["os.DirEntry[str]"]:
    """Everything below a folder; what vanishes in between, as a driver's temporary files do, is left out."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        yield entry
        if depth > 1 and entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path, depth - 1)
