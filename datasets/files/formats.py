"""The reader of each format of the user's files."""

from pathlib import Path

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.npz import read_npz
from failmap.datasets.files.ts_file import read_arff, read_ts
from failmap.datasets.files.tsf_file import read_tsf

_READERS = {".npz": read_npz, ".ts": read_ts, ".arff": read_arff, ".tsf": read_tsf}


def read_contents(path: Path, config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of a file by its suffix.

    Raises:
        TaskError: The file cannot be read; one line for each problem.
    """
    if path.suffix.lower() in _READERS:
        if config.layout == "wide":
            raise TaskError(f"task.layout=wide: is for tables, not for {path.suffix}")
        return _READERS[path.suffix.lower()](path, config)
    # Imported here because they need pandas, which arrays do not.
    from failmap.datasets.files.table import read_table
    from failmap.datasets.files.wide import read_wide

    return read_wide(path, config) if config.layout == "wide" else read_table(path, config)
