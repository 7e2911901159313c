"""A bounded sample of the examples that a loop shows."""

from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from failmap.watcher.examples.host_batch import Array, HostBatch

#: Sequences and bytes of inputs and targets that are kept at most.
MAX_EXAMPLES, MAX_BYTES = 2048, 8 << 20
#: Sequences whose digests are kept at most.
MAX_DIGESTS = 50_000


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


class ExampleStore:
    """A bounded sample of examples, and digests of more.

    Attributes:
        digests: Digests of the inputs of up to MAX_DIGESTS sequences.
        coverage: For each batch the share of its sequences that an earlier batch has shown.
        has_repeats: Whether any batch held a sequence twice.
    """

    def __init__(self) -> None:
        self.digests: set[bytes] = set()
        self.coverage: list[float] = []
        self.has_repeats = False
        self._batches: list[HostBatch] = []
        self._num_examples = self._num_bytes = 0

    def add(self, batch: HostBatch) -> None:
        """Keep a batch, or its digests if the store is full."""
        shown = digests(batch.inputs)
        self.coverage.append(float(np.mean([one in self.digests for one in shown])))
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


def _first_of_equal(shown: list[bytes]) -> list[int]:
    first: dict[bytes, int] = {}
    for index, one in enumerate(shown):
        first.setdefault(one, index)
    return list(first.values())
