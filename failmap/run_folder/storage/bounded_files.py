"""Safe reading of runs that somebody else may have made: bounded sizes, and no links."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage.location import AnyPath, is_local

#: The largest file that is read whole. Histories and the journal are read line by line.
#: A provenance holds up to 1 MB of differences for each revision of the code that a run has seen.
MAX_BYTES = 100_000_000
#: Limits of larger files: weights with the state of their optimizer, and a journal.
MAX_TENSOR_BYTES = 16_000_000_000
MAX_LOG_BYTES = 2_000_000_000
#: One line of a journal or a history; real ones have up to 10 kB.
MAX_LINE_BYTES = 10_000_000

#: The depth of a run's folders: trials, 5, checkpoint.
_MAX_DEPTH = 4


def read_bounded(path: AnyPath, most_bytes: int = MAX_BYTES) -> bytes:
    """Return a whole file. Raises OSError, and UserError if it is larger than any file of a run."""
    try:
        return read_plain(Path(str(path)), most_bytes)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise UserError(f"{path}: {error.strerror}") from None


def read_plain(path: Path, most_bytes: int = MAX_BYTES) -> bytes:
    """Return a whole file on a disk.

    Raises:
        OSError: It is missing or the like, no plain file (EINVAL), or too large (EFBIG).
    """
    # O_NONBLOCK: opening a pipe without a writer would block for ever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if stat.S_ISDIR(state.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "neither a file nor a folder, and not read", str(path))
        # Asked for `most_bytes` at once, Python would reserve as much memory for every small file.
        content = b"" if state.st_size > most_bytes else file.read(state.st_size + 1)
        if len(content) > state.st_size:  # It grows, or has no size, like those of /proc.
            content += file.read(most_bytes + 1 - len(content))
    if max(len(content), state.st_size) > most_bytes:
        raise too_large(path, most_bytes)
    return content


def bounded_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, each with its newline.

    Raises:
        OSError: It cannot be read, or it or one of its lines is too large (EFBIG).
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_LOG_BYTES:
            raise too_large(path, MAX_LOG_BYTES)
        while line := file.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES:
                raise too_large(path, MAX_LINE_BYTES)
            yield line


def too_large(path: AnyPath, most_bytes: int) -> OSError:
    """Return the error of a file that is larger than any of a run."""
    return OSError(errno.EFBIG, f"more than {most_bytes:,} bytes, so none of a run's files", str(path))


def require_plain_files(folder: AnyPath) -> None:
    """Refuse a run's folder that contains links, pipes or devices.

    Through a link, a run that somebody else made could redirect reads and writes to foreign files; a pipe
    blocks its reader for ever. The folder itself may be a link: its owner made it.

    Raises:
        UserError: There is one; it is named.
        OSError: A folder cannot be listed.
    """
    if not is_local(folder):
        return
    for entry in _entries(folder, _MAX_DEPTH):
        if entry.is_symlink():
            raise UserError(f"{entry.path}: is a link, and links within a run's folder are not followed")
        if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False):
            raise UserError(f"{entry.path}: is neither a file nor a folder, and not read")


def _entries(folder: Path | str, depth: int) -> Iterator["os.DirEntry[str]"]:
    """Yield everything below a folder, except what vanishes meanwhile, such as temporary files."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        yield entry
        if depth > 1 and entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path, depth - 1)
