"""The contract of a storage: what any place that holds run folders must be able to do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from failmap.run_folder.storage.bounded_files import MAX_BYTES
from failmap.run_folder.storage.location import AnyPath


class Log(Protocol):
    """A file of lines that one process appends to.

    Attributes:
        torn_bytes: what a crash had left of a last line, and was cut off when the log was opened.
    """

    torn_bytes: int

    def lines(self) -> Iterator[bytes]:
        """All lines of before, each with its newline. Read once, before the first append."""

    def append(self, lines: Sequence[bytes]) -> None:
        """Adds whole lines, all or none; on an object store they wait for `sync`.

        Raises:
            OSError: the disk is full or the like; the log is as it was.
        """

    def sync(self) -> None:
        """Waits until all that was appended outlives this machine. Raises OSError; it may be tried again."""


class Files(Protocol):
    """Files of run folders in one kind of place. Every method may raise OSError.

    Attributes:
        has_atomic_append: whether a line that was appended can be read at once by others.
    """

    has_atomic_append: bool

    @property
    def poll_seconds(self) -> float:
        """How often a file may be looked at that another process is to write."""

    def read(self, path: AnyPath, most_bytes: int = MAX_BYTES) -> bytes:
        """A whole file. Raises FileNotFoundError, and OSError (EFBIG) where it is larger than that."""

    def read_many(self, paths: Sequence[AnyPath], most_bytes: int = MAX_BYTES) -> dict[AnyPath, bytes]:
        """Whole files by path, many at a time, each bounded as above; those that are missing are left out."""

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

    def list_files(self, path: AnyPath) -> Mapping[str, str]:
        """All files below a folder by their paths from there, `trials/0/record.json`, however deep; each with
        a text that begins with its size in bytes, and changes when its content does. None where the folder is
        missing."""

    def remove(self, path: AnyPath) -> None:
        """Removes a file; does nothing where it is missing."""

    def remove_tree(self, path: AnyPath) -> None:
        """Removes a folder and all in it; does nothing where it is missing."""


class Store(Files, Protocol):
    """Files, and logs that are appended to. What fails for a while is tried again (`Backoff`)."""

    def open_log(self, path: AnyPath) -> Log:
        """Opens one file of lines, or begins it. A torn last line is cut off.

        On an object store every `sync` writes the file anew: for what stays small.
        """

    def open_segments(self, path: AnyPath) -> Log:
        """Opens a log that may grow large, for a new writer. A torn last line is cut off.

        On a disk it is the same file. On an object store it is a folder of segments: `sync` writes one of
        bounded size. What an earlier writer adds from then on is not read: its lease has ended.
        """
