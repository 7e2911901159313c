"""The interface of a task, its batches, and epochs over a finite training set."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from failmap.datasets.chance import Chance, PartialSolution
from failmap.datasets.config import TaskConfig

#: Streams of random numbers, kept apart by a hash: training batches or the order of an epoch, validation,
#: test, lengths in training, and a training set that is drawn once.
TRAIN, VALIDATION, TEST, LENGTH, TRAIN_SET = range(5)


class SealedError(RuntimeError):
    """The test set was requested before it was unsealed."""


class Batch(NamedTuple):
    """Sequences of one length and their targets.

    Attributes:
        inputs: Of one length, or padded with zeros at their ends.
        targets: Whole numbers 0 .. output_size - 1 (int64) for a category, else floats (0.0 or 1.0 for a
            binary one): (batch,) for one of a sequence, (batch, time) for one at every step or decoded
            after the input. Where output_size is more than 1 and the target is no category, a last
            dimension of that size follows: The pixels of a frame.
        lengths: The length of each sequence where they are padded; on the host.
    """

    inputs: Float[Tensor, "batch time features"]
    targets: Shaped[Tensor, "batch *label"]
    lengths: Int64[Tensor, "batch"] | None = None

    def split(self, size: int) -> "Iterator[Batch]":
        """Yield the same sequences in batches of at most `size`."""
        for start in range(0, len(self.inputs), size):
            part = slice(start, start + size)
            lengths = None if self.lengths is None else self.lengths[part]
            yield Batch(self.inputs[part], self.targets[part], lengths)


class Task(ABC):
    """One task on one device. Stateless: a batch is a function of seed and update alone.

    Attributes:
        input_size: Features of one time step.
        output_size: Numbers of one output: classes of a category, pixels of a frame, 1 otherwise.
        num_steps: Time steps of the longest input.
        chance: Result of blind guessing on the validation set.
        target_metric: The criterion: the accuracy to reach, or the mean squared error to get below.
        target_range: The least and the largest target of a number (0 and 1 for a binary label).
        target_moments: Mean and standard deviation of the targets.
        num_validation: Sequences, or windows of a forecast, in the validation set.
        num_train: Sequences in a finite training set, None where they are drawn anew.
        counted_from: The first label that the metric counts: 0 but for the copy task, whose blanks are
            trained and not counted.
        class_weights: What the training loss of a label of each class is multiplied by; None for 1.
        partial_solutions: Known levels between chance and perfection, the worst first.
        target_shift: Share of the validation targets outside the range of the training targets.
        mean_shift: Distance of the means of both in standard deviations of the training targets.
        input_shift: Share of the validation inputs outside the range of their feature in training.
        error_shift: Error of a linear prediction on validation, in units of that on training data left out.
        preprocessing: What turns new data into inputs, as JSON; None where inputs are generated.
        notes: What a user should know of the data: few test examples, or splits that cannot be disjoint.
        baseline_errors: Errors of simple forecasts on the validation set by name, whatever chance is; empty
            for other tasks.
        season: Steps of a season that a forecast's training shows; 0 if there is none.
    """

    input_size: int
    output_size: int
    num_steps: int
    num_validation: int
    chance: Chance
    target_metric: float
    target_range: tuple[float, float] = (0.0, 1.0)
    target_moments: tuple[float, float] = (0.5, 0.5)
    num_train: int | None = None
    counted_from: int = 0
    class_weights: Float[Tensor, "classes"] | None = None
    partial_solutions: tuple[PartialSolution, ...] = ()
    target_shift: float = 0.0
    mean_shift: float = 0.0
    input_shift: float = 0.0
    error_shift: float = math.nan
    preprocessing: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    baseline_errors: Mapping[str, float] = MappingProxyType({})
    season: int = 0
    #: A metric of this value is perfect.
    perfect_metric: float = 1.0

    def __init__(self, config: TaskConfig, device: torch.device | None = None) -> None:
        self.config = config
        self.device = device or torch.device("cpu")
        self.num_steps = config.num_steps
        self.num_validation = config.num_validation
        self._sealed = True

    @abstractmethod
    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        """Return the training batch of one update.

        Args:
            seed: The trial's seed.
            update: Which update, from 0.
            batch_size: Sequences.
            progress: Share of the update budget that is spent, 0 to 1: what a curriculum goes by.
        """

    @abstractmethod
    def _held_out_set(self, stream: int) -> Batch:
        """Make the fixed sequences of VALIDATION or TEST, the same for every seed."""

    def validation_set(self) -> Batch:
        """Return the fixed validation sequences, which are made once."""
        return self._validation_set

    @cached_property
    def _validation_set(self) -> Batch:
        return self._held_out_set(VALIDATION)

    def test_set(self) -> Batch:
        """Return the fixed test sequences. Raises SealedError before `unseal()`."""
        if self._sealed:
            raise SealedError("the test set is sealed: call unseal() once the search is over")
        return self._held_out_set(TEST)

    def unseal(self) -> None:
        """Unseal the test set, for its single use after the search."""
        self._sealed = False

    def generator(self, seed: int, stream: int, index: int) -> torch.Generator:
        """Return a generator on this task's device, seeded by a hash of all three."""
        return torch.Generator(device=self.device).manual_seed(hashed_seed(seed, stream, index))

    @staticmethod
    def fixed_generator(stream: int, index: int) -> torch.Generator:
        """Return a generator for what is the same for every trial.

        It is on the CPU whatever the task's device, so that maps from different machines compare.
        """
        return torch.Generator().manual_seed(hashed_seed(0, stream, index))


def hashed_seed(seed: int, stream: int, index: int) -> int:
    """Return 63 pseudo-random bits, the same on every machine for the same three numbers."""
    digest = blake2b(f"{seed}/{stream}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Epochs:
    """Epochs over all examples of a finite set, each in an order of its own.

    The seed determines every order, so a batch is a function of seed and update alone. A batch may reach
    over the end of an epoch.
    """

    def __init__(self, num_examples: int, device: torch.device) -> None:
        self.num_examples = num_examples
        self.device = device
        self._order: tuple[tuple[int, int], Int64[Tensor, "examples"]] | None = None

    def rows(self, seed: int, update: int, batch_size: int) -> Int64[Tensor, "batch"]:
        """Return the examples of one update's batch: the next ones in the orders of the epochs."""
        parts, start = [], update * batch_size
        while (missing := (update + 1) * batch_size - start) > 0:
            epoch, first = divmod(start, self.num_examples)
            parts.append(self._order_of(seed, epoch)[first : first + missing])
            start += len(parts[-1])
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _order_of(self, seed: int, epoch: int) -> Int64[Tensor, "examples"]:
        """Return the order of one epoch's examples. Cached for the last epoch."""
        if self._order is None or self._order[0] != (seed, epoch):
            generator = torch.Generator().manual_seed(hashed_seed(seed, TRAIN, epoch))
            order = torch.randperm(self.num_examples, generator=generator).to(self.device)
            self._order = ((seed, epoch), order)
        return self._order[1]


def num_shared(one: Batch, other: Batch) -> int:
    """Count the inputs of `one` that are, bit for bit, among those of `other`, whatever their targets."""
    known = set(_rows(other))
    return sum(row in known for row in _rows(one))


def _rows(batch: Batch) -> list[bytes]:
    """Return the bytes of each example's inputs, without the padding at its end."""
    inputs = batch.inputs.detach().cpu().contiguous().numpy()
    lengths = [None] * len(inputs) if batch.lengths is None else batch.lengths.tolist()
    return [sequence[:length].tobytes() for sequence, length in zip(inputs, lengths, strict=True)]
