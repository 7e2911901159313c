"""What a run folder's place must be able to do, and which place does it how."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Protocol

from failmap.analysis.errors import UserError
from failmap.analysis.storage.place import AnyPath, is_local
from failmap.analysis.storage.plain_files import MAX_BYTES

#: Seconds that the first look at a storage may take before the user is told that it does not answer.
_FIRST_LOOK_SECONDS = 3.0


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
    """Files, and logs that are appended to. What fails for a while is tried again (`Patience`)."""

    def open_log(self, path: AnyPath) -> Log:
        """Opens one file of lines, or begins it. A torn last line is cut off.

        On an object store every `sync` writes the file anew: for what stays small.
        """

    def open_segments(self, path: AnyPath) -> Log:
        """Opens a log that may grow large, for a new writer. A torn last line is cut off.

        On a disk it is the same file. On an object store it is a folder of segments: `sync` writes one of
        bounded size. What an earlier writer adds from then on is not read: its lease has ended.
        """


def store_of(path: AnyPath) -> Store:
    """Who reads and writes files there."""
    return _local_store() if is_local(path) else _object_store()


def check_place(place: AnyPath) -> None:
    """Looks whether a folder of runs can be reached, within seconds. It may not exist yet.

    Raises:
        UserError: the endpoint does not answer, refuses the credentials, or has no such bucket.
    """
    if is_local(place):
        return
    from failmap.analysis.storage.objects import ObjectFiles
    from failmap.analysis.storage.patience import Patience

    try:
        Patience(_FIRST_LOOK_SECONDS).run(lambda: ObjectFiles().look_at(place))
    except OSError as error:
        raise UserError(f"storage={place}: {error.strerror or error}") from None


def write_atomically(path: AnyPath, content: str | bytes, *, survives_power_loss: bool = True) -> None:
    """Writes a whole file, or leaves the old one as it was; text as UTF-8. Raises OSError."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    store_of(path).write(path, data, survives_power_loss=survives_power_loss)


def is_raised(flag: AnyPath) -> bool:
    """Whether a file exists whose being there says something. One request, where `exists` may take two."""
    return bool(store_of(flag).read_many([flag]))


def read_text(path: AnyPath) -> str:
    """A whole text file. Raises OSError, and UnicodeDecodeError where it is not UTF-8."""
    return store_of(path).read(path).decode("utf-8")


@cache
def _local_store() -> Store:
    from failmap.analysis.storage.patience import LocalStore

    return LocalStore()


@cache
def _object_store() -> Store:
    from failmap.analysis.storage.patience import ObjectStore

    return ObjectStore()
