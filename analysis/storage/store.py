"""What a run folder's place must be able to do, and which place does it how."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from analysis.storage.place import AnyPath, is_local


class Log(Protocol):
    """A file of lines that one process appends to.

    Attributes:
        torn_bytes: what a crash had left of a last line, and was cut off when the log was opened.
    """

    torn_bytes: int

    def lines(self) -> Iterator[bytes]:
        """All lines of before, each with its newline. Read once, before the first append."""

    def append(self, lines: Sequence[bytes]) -> None:
        """Adds whole lines, all or none; on an object store they may wait for `sync`.

        Raises:
            OSError: the disk is full or the like; the log is as it was.
        """

    def sync(self) -> None:
        """Waits until all that was appended outlives this machine. Raises OSError as above."""


class Store(Protocol):
    """Files of run folders in one kind of place. Every method may raise OSError.

    Attributes:
        poll_seconds: how often a file may be looked at that another process is to write.
        has_atomic_append: whether a line that was appended can be read at once by others.
    """

    poll_seconds: float
    has_atomic_append: bool

    def read(self, path: AnyPath) -> bytes:
        """A whole file. Raises FileNotFoundError."""

    def read_many(self, paths: Sequence[AnyPath]) -> dict[AnyPath, bytes]:
        """Whole files by path, many at a time; those that are missing are left out."""

    def exists(self, path: AnyPath) -> bool:
        """Whether there is such a file or folder."""

    def write(self, path: AnyPath, content: bytes, *, survives_power_loss: bool = True) -> None:
        """Writes a whole file, or leaves the old one as it was. Missing folders are made.

        Args:
            path: the file.
            content: all of it.
            survives_power_loss: waits for the disk. Without it the write survives the death of every
                process, but not of the machine, and costs a twentieth.
        """

    def create(self, path: AnyPath, content: bytes) -> bool:
        """Writes a file that nobody else has; False where it exists: of several processes one gets True."""

    def make_folder(self, path: AnyPath) -> None:
        """Makes a folder for its owner alone, and those above; does nothing where it exists."""

    def list_folders(self, path: AnyPath) -> list[str]:
        """Names of the folders in a folder, sorted; none where it is missing."""

    def remove(self, path: AnyPath) -> None:
        """Removes a file; does nothing where it is missing."""

    def remove_tree(self, path: AnyPath) -> None:
        """Removes a folder and all in it; does nothing where it is missing."""

    def open_log(self, path: AnyPath) -> Log:
        """Opens a file of lines, or begins one. A torn last line is cut off."""


def store_of(path: AnyPath) -> Store:
    """Who reads and writes files there."""
    if is_local(path):
        from analysis.storage.local import LocalFiles

        return LocalFiles()
    raise NotImplementedError(path)


def write_atomically(path: AnyPath, content: str | bytes, *, survives_power_loss: bool = True) -> None:
    """Writes a whole file, or leaves the old one as it was; text as UTF-8. Raises OSError."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    store_of(path).write(path, data, survives_power_loss=survives_power_loss)
