"""A bounded sample of the examples that a loop shows."""

import math
from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from failmap.watcher.examples.host_batch import Array, HostBatch

#: Sequences and bytes of inputs and targets that are kept at most.
MAX_EXAMPLES, MAX_BYTES = 2048, 8 << 20
#: Sequences whose digests are kept at most.
MAX_DIGESTS = 50_000
#: Distinct sequences, as a logarithm, up to which all of them are expected to come again and again.
_ENUMERABLE = 24.0 * math.log(2.0)


class Examples(NamedTuple):
    """Sequences of equal shape.

    Attributes:
        inputs: (examples, ...).
        targets: (examples, ...).
        batches: Number of the batch of each example, in whose order they are, shape (examples,).
        is_by_step: Whether targets have a time axis of the inputs' length.
    """

    inputs: Array
    targets: Array
    batches: Array
    is_by_step: bool

    @property
    def has_classes(self) -> bool:
        """Return whether the targets are classes."""
        return self.targets.dtype.kind in "iu"

    def distinct(self) -> "Examples":
        """Return the first of equal examples only."""
        kept = _first_of_equal(digests(self.inputs, self.targets))
        return Examples(self.inputs[kept], self.targets[kept], self.batches[kept], self.is_by_step)


class Meeting(NamedTuple):
    """How a batch met the sequences of those before it.

    Attributes:
        size: Number of its sequences.
        shown: Number of them that were looked at.
        again: Number of these that an earlier batch has shown.
        known: Number of different sequences that were known before.
    """

    size: int
    shown: int
    again: int
    known: int

    @property
    def coverage(self) -> float:
        """Return the share of sequences that an earlier batch has shown."""
        return self.again / self.shown


class ExampleStore:
    """A bounded sample of examples, and digests of more.

    Attributes:
        digests: Digests of the inputs of up to MAX_DIGESTS sequences.
        meetings: How each batch met what was known of those before it.
        has_repeats: Whether any batch held a sequence twice.
    """

    def __init__(self) -> None:
        self.digests: set[bytes] = set()
        self.meetings: list[Meeting] = []
        self.has_repeats = False
        self._batches: list[HostBatch] = []
        self._num_examples = self._num_bytes = 0

    def add(self, batch: HostBatch) -> None:
        """Keep a batch, or its digests if the store is full."""
        shown = digests(batch.inputs)
        again = sum(one in self.digests for one in shown)
        self.meetings.append(Meeting(batch.num_rows, len(shown), again, len(self.digests)))
        self.has_repeats |= len(set(shown)) < len(shown)
        if len(self.digests) < MAX_DIGESTS:
            self.digests.update(shown)
        size = batch.inputs.nbytes + batch.targets.nbytes
        is_room = self._num_examples + len(batch) <= MAX_EXAMPLES and self._num_bytes + size <= MAX_BYTES
        if is_room and not batch.is_ambiguous and np.isfinite(batch.inputs).all():
            self._batches.append(batch)
            self._num_examples += len(batch)
            self._num_bytes += size

    def examples(self) -> Examples | None:
        """Return the examples of the most frequent shape, or None if there are none."""
        if not self._batches:
            return None
        shapes = [
            (one.inputs.shape[1:], one.targets.shape[1:], one.inputs.dtype, one.targets.dtype, one.is_by_step)
            for one in self._batches
        ]
        frequent, _ = Counter(shapes).most_common(1)[0]
        chosen = [one for one, shape in zip(self._batches, shapes, strict=True) if shape == frequent]
        return Examples(
            np.concatenate([one.inputs for one in chosen]),
            np.concatenate([one.targets for one in chosen]),
            np.repeat(np.arange(len(chosen)), [len(one) for one in chosen]),
            chosen[0].is_by_step,
        )


def digests(*arrays: Array) -> list[bytes]:
    """Return a digest of each row of some arrays together."""
    rows = zip(*(np.ascontiguousarray(one) for one in arrays), strict=True)
    return [blake2b(b"".join(part.tobytes() for part in row), digest_size=12).digest() for row in rows]


def is_enumerable(inputs: Array) -> bool:
    """Return whether sequences are so short, and of so few values, that new ones repeat old ones by chance.

    Args:
        inputs: Shape (examples, ...).
    """
    numbers = inputs.reshape(len(inputs), -1)
    return bool(numbers.shape[1] * math.log(max(len(np.unique(numbers)), 1)) < _ENUMERABLE)


def _first_of_equal(shown: list[bytes]) -> list[int]:
    first: dict[bytes, int] = {}
    for index, one in enumerate(shown):
        first.setdefault(one, index)
    return list(first.values())
