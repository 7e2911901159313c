"""Splits into training, validation and test: by group, by time or at random, so that nothing leaks."""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal

import numpy as np
from jaxtyping import Int64, Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences

#: Validation gets this many sequences where its share of a small file is less: the fewest on which luck does
#: not get two equally frequent classes all right in a thousand evaluations.
_LEAST_VALIDATION = 24
#: Share of what the test leaves that validation then takes at most.
_LARGEST_SHARE = 0.6

Kind = Literal["random", "group", "time"]
Rows = Int64[np.ndarray, "_"]


@dataclass(frozen=True)
class Parts:
    """Rows of three disjoint sets.

    Attributes:
        train: In an order of which every prefix is a fair sample; the latest first in a split by time.
        validation: Rows to choose by.
        test: Rows for the final test.
        notes: What a user should know.
    """

    train: Rows
    validation: Rows
    test: Rows
    notes: tuple[str, ...] = ()

    def checked(self, kind: Kind, remedy: str) -> "Parts":
        """Return the same parts. Raises TaskError if one of them is empty."""
        for name in ("train", "validation", "test"):
            if len(getattr(self, name)) == 0:
                how = "at random" if kind == "random" else f"by {kind}"
                raise TaskError(f"split {how}, nothing is left for the {name} set: {remedy}")
        return self


def split_sequences(sequences: Sequences, config: ArrayFileConfig) -> Parts:
    """Split a file of sequences, as a function of the file and the settings, independent of any seed.

    Identical sequences stay together, so that no part has an example of another one.

    Raises:
        TaskError: The split would leak, or leaves nothing for a part.
    """
    kind = kind_of_split(config, sequences.spans is not None, sequences.groups is not None)
    twins = _twins(sequences)
    sizes = part_sizes(len(sequences), config)
    if kind == "time":
        assert sequences.spans is not None
        return _by_time(sequences.spans, twins, *sizes)
    units, labels = twins, None
    if kind == "group":
        assert sequences.groups is not None
        units = joined(twins, sequences.groups)
    elif config.target == "classification" and sequences.targets.ndim == 1:
        labels = sequences.targets
    parts = split_units(units, *sizes, labels=labels)
    if num_copies := len(twins) - len(np.unique(twins)):
        note = f"{num_copies} sequences are copies of others: all copies of one are in the same part"
        parts = replace(parts, notes=(note,))
    return parts.checked(kind, f"{len(np.unique(units))} groups or different sequences are too few")


def kind_of_split(config: ArrayFileConfig, has_times: bool, has_groups: bool) -> Kind:
    """Return the way to split.

    Raises:
        TaskError: The file lacks the times or groups to split by, or the split would leak without permission.
    """
    if config.split == "auto":
        return "time" if has_times else "group" if has_groups else "random"
    if not {"time": has_times, "group": has_groups}.get(config.split, True):
        raise TaskError(
            f"task.split={config.split}: the file has no {config.split}s; an .npz needs an array "
            f"{config.split}s, a table a column"
        )
    if config.split == "random" and (has_times or has_groups) and not config.allow_leakage:
        reason, better = ("is ordered in time", "time") if has_times else ("has groups", "group")
        raise TaskError(
            f"task.split=random: the file {reason}, and shuffled parts would know each other; take "
            f"task.split={better}, or say task.allow_leakage=true"
        )
    return config.split


def part_sizes(num_items: int, config: ArrayFileConfig) -> tuple[int, int]:
    """Return the sizes wanted for validation and test."""
    num_test = config.test_size or max(2, round(config.test_share * num_items))
    num_validation = max(1, num_test // 2)
    if not config.test_size:
        num_affordable = int(_LARGEST_SHARE * (num_items - num_test))
        num_validation = max(num_validation, min(_LEAST_VALIDATION, num_affordable))
    if num_test + num_validation + 2 > num_items:
        raise TaskError(
            f"{num_items} sequences are too few for a test set of {num_test} and a validation set of "
            f"{num_validation}"
        )
    return num_validation, num_test


def split_units(
    units: Int64[np.ndarray, "rows"],
    num_validation: int,
    num_test: int,
    labels: Shaped[np.ndarray, "rows"] | None = None,
) -> Parts:
    """Split whole units in a fixed shuffled order.

    Each unit goes to the test if it still fits, else to validation if it fits there, else to training.

    Args:
        units: The unit of each row.
        num_validation: Rows wanted.
        num_test: Rows wanted.
        labels: If given, each part has each label by its share.
    """
    _, first, codes, sizes = np.unique(units, return_index=True, return_inverse=True, return_counts=True)
    order = shuffled(len(first), None if labels is None else labels[first])
    part_of = np.zeros(len(first), dtype=np.int64)
    left = {2: num_test, 1: num_validation}
    for unit in order:
        for part, room in left.items():
            if sizes[unit] <= room:
                part_of[unit] = part
                left[part] -= int(sizes[unit])
                break
    # Rows of large units are mixed, so that every prefix of the training set has many units.
    rows = shuffled(len(codes)) if labels is None else np.argsort(np.argsort(order)[codes], kind="stable")
    train, validation, test = (rows[part_of[codes[rows]] == part] for part in range(3))
    return Parts(train, validation, test)


def shuffled(num_items: int, labels: Shaped[np.ndarray, "items"] | None = None) -> Rows:
    """Return a fixed shuffle; with labels, every prefix has each of them by its share, up to rounding."""
    # RandomState, because numpy promises never to change what it draws.
    order = np.random.RandomState(0).permutation(num_items)
    if labels is None:
        return order
    share_done = np.empty(num_items)
    for label in np.unique(labels):
        (members,) = np.nonzero(labels[order] == label)
        share_done[members] = (np.arange(len(members)) + 0.5) / len(members)
    return order[np.argsort(share_done, kind="stable")]


def joined(one: Int64[np.ndarray, "rows"], other: Int64[np.ndarray, "rows"]) -> Int64[np.ndarray, "rows"]:
    """Return units of rows that are connected by a shared number in either of two numberings."""
    # Imported here because only groups need it.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    offset = int(one.max()) + 1
    size = offset + int(other.max()) + 1
    edges = coo_array((np.ones(len(one)), (one, other + offset)), shape=(size, size))
    _, components = connected_components(edges, directed=False)
    units: Int64[np.ndarray, "rows"] = components[one].astype(np.int64)
    return units


def _by_time(
    spans: Shaped[np.ndarray, "rows 2"], twins: Int64[np.ndarray, "rows"], num_validation: int, num_test: int
) -> Parts:
    """Split by time: train on the earliest, test on the latest; leave out sequences across a border."""
    begins, ends = spans.T
    sorted_begins = np.sort(begins)
    of_test = sorted_begins[-num_test]
    of_validation = sorted_begins[-num_test - num_validation]
    is_test = begins >= of_test
    is_validation = (begins >= of_validation) & (ends < of_test)
    is_train = ends < of_validation
    num_across = int((~(is_test | is_validation | is_train)).sum())
    is_again = is_validation & np.isin(twins, twins[is_train])
    is_again |= is_test & np.isin(twins, twins[is_train | is_validation])
    notes = []
    if num_across:
        notes.append(f"{num_across} sequences are left out: they reach over a border between two parts")
    if is_again.any():
        notes.append(
            f"{is_again.sum()} sequences are left out of validation and test: earlier ones are the same"
        )
    train, validation, test = (
        np.flatnonzero(part & ~is_again) for part in (is_train, is_validation, is_test)
    )
    parts = Parts(train[np.argsort(-ends[train], kind="stable")], validation, test, tuple(notes))
    return parts.checked(
        "time",
        "sequences cover the same times; a column that only numbers the steps is no time: name it by "
        "task.step_column; or take task.split=group, or task.split=random with task.allow_leakage=true",
    )


def _twins(sequences: Sequences) -> Int64[np.ndarray, "rows"]:
    """Number distinct sequences."""
    codes: dict[bytes, int] = {}
    inputs = np.ascontiguousarray(sequences.inputs)
    return np.array(
        [
            codes.setdefault(blake2b(one[:length].tobytes(), digest_size=16).digest(), len(codes))
            for one, length in zip(inputs, sequences.lengths, strict=True)
        ],
        dtype=np.int64,
    )
