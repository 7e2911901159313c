"""The contract of a storage that holds run folders."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from failmap.run_folder.storage.bounded_files import MAX_BYTES
from failmap.run_folder.storage.location import AnyPath


class Log(Protocol):
    """A file of lines to which one process appends.

    Attributes:
        torn_bytes: Size of a torn last line that was cut off when the log was opened.
    """

    torn_bytes: int

    def lines(self) -> Iterator[bytes]:
        """Yield all existing lines, each with its newline. Called once, before the first append."""

    def append(self, lines: Sequence[bytes]) -> None:
        """Append whole lines, all or none; on an object store they wait for `sync`.

        Raises:
            OSError: The disk is full or the like; the log is unchanged.
        """

    def sync(self) -> None:
        """Wait until everything appended survives a loss of the machine. Raises OSError; may be repeated."""


class Files(Protocol):
    """Files of run folders in one kind of storage. Every method may raise OSError.

    Attributes:
        has_atomic_append: Whether others can read an appended line at once.
    """

    has_atomic_append: bool

    @property
    def poll_seconds(self) -> float:
        """Seconds between two looks at a file that another process will write."""

    def read(self, path: AnyPath, most_bytes: int = MAX_BYTES) -> bytes:
        """Return a whole file. Raises FileNotFoundError, and OSError (EFBIG) if it is larger than that."""

    def read_many(self, paths: Sequence[AnyPath], most_bytes: int = MAX_BYTES) -> dict[AnyPath, bytes]:
        """Return whole files by path, each bounded as above; missing files are left out."""

    def exists(self, path: AnyPath) -> bool:
        """Return whether a file or folder exists."""

    def write(self, path: AnyPath, content: bytes, *, survives_power_loss: bool = True) -> None:
        """Write a whole file, or leave the old one unchanged. Missing folders are created.

        Args:
            path: The file.
            content: Its whole content.
            survives_power_loss: Whether to wait for the disk. Otherwise the write survives the death of
                every process, but not of the machine, and costs a twentieth.
        """

    def create(self, path: AnyPath, content: bytes) -> bool:
        """Create a file. Returns False if it exists: only one of several processes gets True."""

    def make_folder(self, path: AnyPath) -> None:
        """Create a folder, readable by its owner only, and its parents; an existing one is unchanged."""

    def list_folders(self, path: AnyPath) -> list[str]:
        """Return the sorted names of the folders in a folder; none if it is missing."""

    def list_files(self, path: AnyPath) -> Mapping[str, str]:
        """Return all files below a folder by their relative paths (`trials/0/record.json`).

        Each has a text that begins with its size in bytes and changes with its content. A missing folder has
        no files.
        """

    def remove(self, path: AnyPath) -> None:
        """Remove a file if it exists."""

    def remove_tree(self, path: AnyPath) -> None:
        """Remove a folder and its content if it exists."""


class Store(Files, Protocol):
    """Files and logs. Transient errors are retried (`Backoff`)."""

    def open_log(self, path: AnyPath) -> Log:
        """Open one file of lines, or create it. A torn last line is cut off.

        On an object store every `sync` rewrites the file: use it for small ones.
        """

    def open_segments(self, path: AnyPath) -> Log:
        """Open a log that may grow large, for a new writer. A torn last line is cut off.

        On a disk it is the same file. On an object store it is a folder of segments, and `sync` writes one of
        bounded size. What an earlier writer appends later is not read: its lease has ended.
        """
