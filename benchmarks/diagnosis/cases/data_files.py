"""A set's data files, as bytes, on disk, and as tasks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]


@dataclass(frozen=True)
class DataFiles:
    """Files of made series and sequences.

    Attributes:
        folder: relative to the repository's root, so that configurations are the same on every machine.
        makers: what makes the arrays of each file, by its name.
    """

    folder: Path
    makers: Mapping[str, Callable[[], Arrays]]

    def path_of(self, name: str) -> str:
        """Return the path of a file, as a configuration names it."""
        assert name in self.makers, f"{name} is no file in {self.folder}"
        return (self.folder / f"{name}.npz").as_posix()

    def digest_of(self, name: str) -> str:
        """Return a SHA-256 of a file's name and arrays.

        The bytes of the file are no measure: headers of a zip differ between versions of Python.
        """
        digest = sha256(name.encode())
        for key, values in sorted(self.makers[name]().items()):
            digest.update(f"{key} {values.dtype.str} {values.shape}".encode() + values.tobytes())
        return digest.hexdigest()

    def content_of(self, name: str) -> bytes:
        """Return the bytes of a file."""
        buffer = BytesIO()
        np.savez(buffer, **self.makers[name]())
        return buffer.getvalue()

    def write(self) -> None:
        """Write all files that do not exist."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in self.makers:
            path = Path(self.path_of(name))
            if not path.exists():
                path.write_bytes(self.content_of(name))

    def sequences(self, name: str, target: str = "classification", **settings: object) -> dict[str, object]:
        """Return the task on a file of sequences."""
        return {
            "name": "array_file",
            "path": self.path_of(name),
            "target": target,
            "test_size": 0,
            **settings,
        }

    def forecast(self, name: str, history: int, horizon: int) -> dict[str, object]:
        """Return the task to forecast a series."""
        return self.sequences(name, "forecasting", sequence_length=history, horizon=horizon)


def rounded(values: Array) -> Array:
    """Return inputs as files hold them: the same on machines whose sines differ in the last bits."""
    return np.round(values, 4).astype(np.float32)
