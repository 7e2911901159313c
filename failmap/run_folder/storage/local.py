"""Run folders on a disk or a network share."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from failmap.run_folder.storage.bounded_files import (
    MAX_BYTES,
    MAX_LINE_BYTES,
    MAX_LOG_BYTES,
    bounded_lines,
    read_plain,
    too_large,
)
from failmap.run_folder.storage.location import AnyPath

#: Runs contain data of their owner: others can neither read nor change them unless the owner allows it, by
#: the set-group-ID bit of the storage. Unix marks by it what a group shares: the group gets the folder's
#: rights to whatever is made in it.
FOLDER_MODE, FILE_MODE = 0o700, 0o600


class LocalFiles:
    """Files of the operating system; `Files` defines the methods."""

    poll_seconds = 0.2
    has_atomic_append = True

    def read(self, path: AnyPath, most_bytes: int = MAX_BYTES) -> bytes:
        """Read a whole file; pipes and devices are refused."""
        return read_plain(Path(str(path)), most_bytes)

    def read_many(self, paths: Sequence[AnyPath], most_bytes: int = MAX_BYTES) -> dict[AnyPath, bytes]:
        """Read one file after the other."""
        found = {}
        for path in paths:
            with suppress(FileNotFoundError):
                found[path] = self.read(path, most_bytes)
        return found

    def exists(self, path: AnyPath) -> bool:
        """Ask the file system."""
        return path.exists()

    def write(self, path: AnyPath, content: bytes, *, survives_power_loss: bool = True) -> None:
        """Write a temporary file next to it, then rename: readers see the old file or the new one."""
        _make_folders(Path(str(path.parent)))
        handle, temporary = tempfile.mkstemp(dir=str(path.parent), prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                _share(Path(temporary))
                file.write(content)
                if survives_power_loss:
                    file.flush()
                    os.fsync(file.fileno())
            Path(temporary).replace(str(path))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def create(self, path: AnyPath, content: bytes) -> bool:
        """Write a temporary file next to it, then link: whoever finds the file finds all of it."""
        with tempfile.NamedTemporaryFile(dir=str(path.parent), prefix=f".{path.name}.") as file:
            _share(Path(file.name))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            try:
                os.link(file.name, str(path))
            except FileExistsError:
                return False
        return True

    def make_folder(self, path: AnyPath) -> None:
        """Create missing folders; existing ones keep their modes."""
        _make_folders(Path(str(path)))

    def list_folders(self, path: AnyPath) -> list[str]:
        """Return the names of folders and of links to folders."""
        folder = Path(str(path))
        return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []

    def list_files(self, path: AnyPath) -> Mapping[str, str]:
        """Return size and modification time of each file."""
        found = {}
        for folder, _, names in os.walk(str(path)):
            for name in names:
                file = Path(folder, name)
                with suppress(FileNotFoundError):
                    state = file.stat()
                    found[file.relative_to(str(path)).as_posix()] = f"{state.st_size} {state.st_mtime_ns}"
        return dict(sorted(found.items()))

    def remove(self, path: AnyPath) -> None:
        """Remove a file if it exists."""
        Path(str(path)).unlink(missing_ok=True)

    def remove_tree(self, path: AnyPath) -> None:
        """Remove a folder if it exists."""
        if path.exists():
            shutil.rmtree(str(path))


class LocalLog:
    """A file that lines are appended to; `Log` defines the methods.

    Appended lines are handed to the operating system at once, so they survive the death of the process. They
    survive a loss of power after `sync`.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = Path(str(path))
        _make_folders(self.path.parent)
        self.torn_bytes = cut_torn_line(self.path)
        if not self.path.exists():
            self.path.touch(mode=FILE_MODE)
            _share(self.path)
        self._whole_bytes: int | None = None

    def lines(self) -> Iterator[bytes]:
        """Read lines on demand."""
        return bounded_lines(self.path)

    def append(self, lines: Sequence[bytes]) -> None:
        """Append all lines or none."""
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            if self._whole_bytes is None:
                self._whole_bytes = os.fstat(handle).st_size
            else:
                # An earlier append failed, and so did the truncation after it.
                os.ftruncate(handle, self._whole_bytes)
            try:
                data = b"".join(lines)
                while data:
                    data = data[os.write(handle, data) :]
            except OSError:
                # The next line would be appended to a partial one.
                os.ftruncate(handle, self._whole_bytes)
                self._whole_bytes = None
                raise
            self._whole_bytes = None
        finally:
            os.close(handle)

    def sync(self) -> None:
        """Wait for the disk."""
        with self.path.open("r+b") as file:
            os.fsync(file.fileno())


def cut_torn_line(path: Path) -> int:
    """Truncate a file after its last newline, and return the number of bytes that were cut off."""
    if not path.exists():
        return 0
    if not path.is_file():
        raise OSError(errno.EINVAL, "not a file, and not read", str(path))
    num_bytes = path.stat().st_size
    if num_bytes > MAX_LOG_BYTES:
        raise too_large(path, MAX_LOG_BYTES)
    with path.open("r+b") as file:
        file.seek(max(num_bytes - MAX_LINE_BYTES, 0))
        end = file.read()
        torn = len(end) - (end.rfind(b"\n") + 1)
        if torn == MAX_LINE_BYTES:
            raise too_large(path, MAX_LINE_BYTES)
        if torn:
            file.truncate(num_bytes - torn)
            file.flush()
            os.fsync(file.fileno())
    return torn


def _make_folders(path: Path) -> None:
    """Make a folder and its missing parents for their owner only: pathlib sets the mode of the last alone."""
    if not path.is_dir():
        _make_folders(path.parent)
        with suppress(FileExistsError):
            path.mkdir(mode=FOLDER_MODE)
            _share(path)


def _share(made: Path) -> None:
    """Give the group its rights in a shared folder to what was made there."""
    shared = made.parent.stat().st_mode
    if shared & stat.S_ISGID:
        mode = made.stat().st_mode
        rights = stat.S_IRWXG if stat.S_ISDIR(mode) else stat.S_IRGRP | stat.S_IWGRP
        made.chmod(stat.S_IMODE(mode) | shared & rights)
