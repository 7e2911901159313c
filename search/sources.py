"""The user's own files that trials read: their sizes and digests, for a run's provenance."""

from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import TypedDict

from failmap.analysis.errors import UserError
from failmap.search.data import trials_of_tasks
from failmap.search.space import Space

#: The four files in a folder of digits, whole or compressed.
_DIGIT_FILES = "*-idx[13]-ubyte*"


class FileState(TypedDict):
    """What tells whether a file is still the same.

    Attributes:
        bytes: its size.
        blake2b: the digest of its contents, in hexadecimal digits.
    """

    bytes: int
    blake2b: str


def states_of_files(space: Space) -> dict[str, FileState]:
    """Every file of the user's that trials of a space read, by its path as the user wrote it.

    Raises:
        UserError: a file cannot be read.
    """
    sources = dict.fromkeys(trial.task.source_path for trial in trials_of_tasks(space))
    return {str(path): _state(path) for source in sources if source for path in _files(Path(source))}


def _files(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield from sorted(source.glob(_DIGIT_FILES))
    else:
        yield source


def _state(path: Path) -> FileState:
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "blake2b")
            return {"bytes": file.tell(), "blake2b": digest.hexdigest()}
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
