"""Small files in the form of the full ones."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


def idx_bytes(items: np.ndarray) -> bytes:
    return struct.pack(f">4B{items.ndim}I", 0, 0, 8, items.ndim, *items.shape) + items.tobytes()


def write_digits(folder: Path, part: str, num_digits: int, offset: int = 0) -> None:
    """Digits that carry their own number in their first two pixels, and noise in the others."""
    images = np.random.RandomState(offset).randint(0, 256, (num_digits, 28, 28)).astype(np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(num_digits) + offset, 256)
    labels = (np.arange(num_digits) % 10).astype(np.uint8)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a folder of the four files: 600 digits to train on, 200 to test."""

    def make(name: str = "digits") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        write_digits(folder, "train", 600)
        write_digits(folder, "t10k", 200, offset=10_000)
        return folder

    return make
