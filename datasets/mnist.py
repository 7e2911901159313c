"""Handwritten digits as sequences: real input with a length axis (Le et al. 2015, at 784 steps)."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from failmap.datasets.chance import Chance
from failmap.datasets.config import NUM_PIXELS, MnistConfig
from failmap.datasets.criterion import check_criterion, few_test_sequences
from failmap.datasets.digits import NUM_CLASSES, Digits, load_split
from failmap.datasets.task import TEST, VALIDATION, Batch, Epochs, Task

#: Many published results on permuted pixels are of this seed, so theirs and ours see the same order.
_PERMUTATION_SEED = 92916


class Mnist(Task):
    """The class of a digit whose pixels are cut into `sequence_length` steps, row by row or shuffled.

    Training shows the digits in epochs, each in an order of its own that the seed determines; a batch
    may reach over the end of an epoch.
    """

    config: MnistConfig
    output_size = NUM_CLASSES

    def __init__(self, config: MnistConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        split = load_split(config.folder, config.test_size, config.validation_size, config.train_size)
        self._train = Digits(*(part.to(self.device) for part in split.train))
        self._held_out = {VALIDATION: split.validation, TEST: split.test}
        self._background = split.background
        self._pixel_index = pixel_index(config.sequence_length, config.permuted).to(self.device)
        self.num_train = len(split.train.labels)
        self._epochs = Epochs(self.num_train, self.device)

        self.input_size = self._pixel_index.shape[1]
        self.chance = digit_chance(split.train.labels, split.validation.labels)
        self.target_metric = config.target_metric()
        check_criterion(config, chance=self.chance)
        self.notes = few_test_sequences(config, config.test_size)

    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        """Return the training batch of one update: the next digits in the orders of the epochs."""
        assert 0 <= progress <= 1, progress
        rows = self._epochs.rows(seed, update, batch_size)
        return self._batch(Digits(*(part.index_select(0, rows) for part in self._train)))

    def _held_out_set(self, stream: int) -> Batch:
        """Return the fixed digits of VALIDATION or TEST."""
        return self._batch(self._held_out[stream])

    def _batch(self, digits: Digits) -> Batch:
        return Batch(self._cut(digits.pixels.to(self.device)), digits.labels.to(self.device))

    def _cut(self, pixels: Float[Tensor, "batch 784"]) -> Float[Tensor, "batch time features"]:
        num_steps, num_features = self._pixel_index.shape
        if num_steps * num_features == NUM_PIXELS and not self.config.permuted:
            return pixels.view(-1, num_steps, num_features)
        padded = functional.pad(pixels, (0, 1), value=self._background)
        return padded.index_select(1, self._pixel_index.flatten()).view(-1, num_steps, num_features)


def step_sizes(sequence_length: int) -> list[int]:
    """Return the number of pixels of each step, 784 in all.

    Each has ceil(784 / steps), and the last one the rest. If nothing were left for the last steps (100 steps
    of 8 would be over after 98), the pixels are spread evenly instead: a blank end would require a longer
    memory without more input.
    """
    largest = math.ceil(NUM_PIXELS / sequence_length)
    left = NUM_PIXELS - largest * (sequence_length - 1)
    if left > 0:
        return [largest] * (sequence_length - 1) + [left]
    smallest, num_larger = divmod(NUM_PIXELS, sequence_length)
    return [smallest + 1] * num_larger + [smallest] * (sequence_length - num_larger)


def pixel_order(permuted: bool) -> Int64[Tensor, "784"]:
    """Return the order of pixels: row by row, or one fixed shuffle for all digits and runs."""
    if not permuted:
        return torch.arange(NUM_PIXELS)
    # RandomState, because numpy promises never to change what it draws.
    return torch.from_numpy(np.random.RandomState(_PERMUTATION_SEED).permutation(NUM_PIXELS))


def pixel_index(sequence_length: int, permuted: bool = False) -> Int64[Tensor, "time features"]:
    """Return the pixel of each feature of each step; 784 is the background that pads a step."""
    sizes, order = step_sizes(sequence_length), pixel_order(permuted)
    index = torch.full((sequence_length, max(sizes)), NUM_PIXELS)
    for row, pixels in zip(index, order.split(sizes), strict=True):
        row[: len(pixels)] = pixels
    return index


def digit_chance(train: Int64[Tensor, "train"], validation: Int64[Tensor, "validation"]) -> Chance:
    """Return chance on the validation set of a guess by the classes' shares in training."""
    counts = torch.bincount(train, minlength=NUM_CLASSES).double()
    priors = counts / counts.sum()
    return Chance(
        metric=(validation == priors.argmax()).double().mean().item(),
        loss=-priors.log()[validation].mean().item(),
    )
