"""Run folders on a disk or a network share."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.storage.place import AnyPath

#: Runs hold data of their owner: nobody else reads or changes them unless the owner says so.
FOLDER_MODE = 0o700


class LocalFiles:
    """Files by the operating system: `Store` tells what each method promises."""

    poll_seconds = 0.2
    has_atomic_append = True

    def read(self, path: AnyPath) -> bytes:
        """A whole file."""
        return path.read_bytes()

    def read_many(self, paths: Sequence[AnyPath]) -> dict[AnyPath, bytes]:
        """One after the other: a disk is near."""
        found = {}
        for path in paths:
            try:
                found[path] = path.read_bytes()
            except FileNotFoundError:
                continue
        return found

    def exists(self, path: AnyPath) -> bool:
        """As the file system says."""
        return path.exists()

    def write(self, path: AnyPath, content: bytes, *, survives_power_loss: bool = True) -> None:
        """Writes beside the file, then renames: whoever reads sees the old file or the new one."""
        Path(path.parent).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=str(path.parent), prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                if survives_power_loss:
                    file.flush()
                    os.fsync(file.fileno())
            Path(temporary).replace(str(path))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def create(self, path: AnyPath, content: bytes) -> bool:
        """By an exclusive open."""
        try:
            handle = os.open(str(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return False
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return True

    def make_folder(self, path: AnyPath) -> None:
        """Those above keep the modes that the user's umask gives."""
        Path(path.parent).mkdir(parents=True, exist_ok=True)
        Path(path).mkdir(mode=FOLDER_MODE, exist_ok=True)

    def list_folders(self, path: AnyPath) -> list[str]:
        """Links count as what they lead to."""
        folder = Path(path)
        return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []

    def remove(self, path: AnyPath) -> None:
        """Nothing where it is missing."""
        Path(path).unlink(missing_ok=True)

    def remove_tree(self, path: AnyPath) -> None:
        """Nothing where it is missing."""
        if path.exists():
            shutil.rmtree(str(path))

    def open_log(self, path: AnyPath) -> "LocalLog":
        """The file itself."""
        return LocalLog(Path(path))


class LocalLog:
    """A file that is appended to: `Log` tells what each method promises. What is appended is on its way to
    the disk at once, which outlives the process; it outlives the machine after `sync`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn_bytes = cut_torn_line(path)
        path.touch(mode=0o600)

    def lines(self) -> Iterator[bytes]:
        """Read from the file as they are asked for."""
        with self.path.open("rb") as file:
            yield from file

    def append(self, lines: Sequence[bytes]) -> None:
        """In one write, all or none."""
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            size = os.fstat(handle).st_size
            try:
                _write_all(handle, b"".join(lines))
            except OSError:
                # A part of a line would glue onto the next one.
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)

    def sync(self) -> None:
        """Waits for the disk."""
        handle = os.open(self.path, os.O_WRONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def cut_torn_line(path: Path) -> int:
    """Cuts an appended file back to its last newline. Returns how many bytes were cut, 0 where none."""
    if not path.exists():
        return 0
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole == len(data):
        return 0
    with path.open("r+b") as file:
        file.truncate(whole)
        file.flush()
        os.fsync(file.fileno())
    return len(data) - whole


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
