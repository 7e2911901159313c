"""The data files of the third set, as bytes and on disk."""

from io import BytesIO
from pathlib import Path

import numpy as np

from benchmarks.diagnosis.cases.third_arrays import SEQUENCES
from benchmarks.diagnosis.cases.third_series import SERIES

#: Relative to the repository's root, so that configurations are the same on every machine.
FOLDER = Path("runs/diagnosis/arrays/third")

_MADE = {**SEQUENCES, **SERIES}
FILES: tuple[str, ...] = tuple(_MADE)


def path_of(name: str) -> str:
    """Return the path of a file, as a configuration names it."""
    assert name in _MADE, f"{name} is no file of the third set"
    return (FOLDER / f"{name}.npz").as_posix()


def content_of(name: str) -> bytes:
    """Return the bytes of a file, which are the same wherever it is made: it is not compressed."""
    buffer = BytesIO()
    np.savez(buffer, **_MADE[name]())
    return buffer.getvalue()


def write_files() -> None:
    """Write all files that do not exist."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        path = Path(path_of(name))
        if not path.exists():
            path.write_bytes(content_of(name))
