"""Reading of files by their suffix."""

from functools import lru_cache
from pathlib import Path

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.npz import read_npz


def read_file(config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of a file. Cached for the next trial as long as the file does not change.

    Raises:
        TaskError: There is no such file, or it is not as it must be.
    """
    # What is done with the contents has no say in reading them.
    reading = config.model_copy(
        update={"sequence_length": 1, "horizon": 1, "train_size": None, "test_size": 0, "normalise": True}
    )
    return _read(reading, file_stamp(config))


def file_stamp(config: ArrayFileConfig) -> tuple[int, int]:
    """Return modification time and size, which identify the state of a file.

    Raises:
        TaskError: There is no such file.
    """
    if not config.path:
        raise TaskError("task.path is missing: name a .npz, .csv or .parquet file")
    path = Path(config.path)
    if not path.is_file():
        beside = [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else []
        close = nearest_name(path.name, beside)
        hint = close if close.startswith("; did") else f" in {path.parent.resolve()}"
        raise TaskError(f"{path.name}: no such file{hint}")
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def _read(config: ArrayFileConfig, stamp: tuple[int, int]) -> Sequences | SeriesSet:
    path = Path(config.path)
    if path.suffix.lower() == ".npz":
        return read_npz(path, config)
    # Here, not above: it brings pandas along, which arrays do not need.
    from failmap.datasets.files.table import read_table

    return read_table(path, config)
