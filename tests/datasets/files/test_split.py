"""Splits are complete and disjoint, keep groups whole, and never look ahead."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences
from failmap.datasets.files.split import Parts, shuffled, split_sequences


def sequences_of(
    num_sequences: int,
    *,
    groups: list[int] | None = None,
    spans: list[tuple[int, int]] | None = None,
    content: list[int] | None = None,
) -> Sequences:
    """Sequences of one step each; those of the same content are the same."""
    numbers = np.arange(num_sequences) if content is None else np.array(content)
    return Sequences(
        inputs=numbers.astype(float)[:, None, None],
        targets=(np.arange(num_sequences) % 2).astype(float),
        lengths=np.ones(num_sequences, dtype=np.int64),
        groups=None if groups is None else np.array(groups),
        spans=None if spans is None else np.array(spans),
        features=("0",),
    )


def split(sequences: Sequences, **values: Any) -> Parts:
    return split_sequences(sequences, ArrayFileConfig(path="my.npz", **values))


def rows_of(parts: Parts) -> list[set[int]]:
    sets = [set(part.tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, sets)) == len(set.union(*sets)), "disjoint"
    return sets


@settings(max_examples=50, deadline=None)
@given(num_sequences=st.integers(10, 400), test_share=st.floats(0.05, 0.5))
def test_a_random_split_is_complete(num_sequences: int, test_share: float) -> None:
    parts = split(sequences_of(num_sequences), test_share=test_share)
    train, validation, test = rows_of(parts)
    assert train | validation | test == set(range(num_sequences))
    assert len(test) == max(2, round(test_share * num_sequences))
    # A small file gives validation more than half of the test's share.
    least = min(24, int(0.6 * (num_sequences - len(test))))
    assert len(validation) == max(1, len(test) // 2, least)


def test_a_random_split_has_each_class_by_its_share() -> None:
    sequences = sequences_of(1000)
    sequences.targets[:] = np.arange(1000) % 10 == 0
    parts = split(sequences, test_size=200, train_size=50)
    assert [sequences.targets[rows].sum() for rows in (parts.validation, parts.test)] == [10, 20]
    assert sequences.targets[parts.train[:50]].sum() in (4, 5, 6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=60, max_size=300), st.data())
def test_groups_are_never_split(groups: list[int], data: st.DataObject) -> None:
    content = data.draw(st.lists(st.integers(0, 10**6), min_size=len(groups), max_size=len(groups)))
    try:
        parts = split(sequences_of(len(groups), groups=groups, content=content), test_share=0.4)
    except TaskError:  # nothing was left for a part
        return
    sets = rows_of(parts)
    assert set.union(*sets) == set(range(len(groups)))
    for numbers in (groups, content):
        seen = [{numbers[row] for row in rows} for rows in sets]
        assert sum(map(len, seen)) == len(set.union(*seen)), "each in one part"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 20)), min_size=40, max_size=300))
def test_time_never_leaks(times: list[tuple[int, int]]) -> None:
    spans = [(begin, begin + duration) for begin, duration in times]
    try:
        parts = split(sequences_of(len(spans), spans=spans), test_share=0.3)
    except TaskError:  # nothing was left for a part
        return
    train, validation, test = rows_of(parts)
    assert max(spans[row][1] for row in train) < min(spans[row][0] for row in validation)
    assert max(spans[row][1] for row in validation) < min(spans[row][0] for row in test)
    num_left_out = len(spans) - len(train | validation | test)
    assert bool(num_left_out) == bool(parts.notes)
    ends = [spans[row][1] for row in parts.train]
    assert ends == sorted(ends, reverse=True), "the latest first"


def test_points_in_time_are_all_used() -> None:
    parts = split(sequences_of(100, spans=[(day, day) for day in range(100)]), test_size=20)
    assert rows_of(parts) == [set(range(70)), set(range(70, 80)), set(range(80, 100))]


def test_copies_of_a_sequence_stay_together() -> None:
    content = [row // 2 for row in range(100)]
    parts = split(sequences_of(100, content=content))
    assert rows_of(parts)
    seen = [{content[row] for row in part} for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, seen)) == 50
    [note] = parts.notes
    assert "50 sequences are copies" in note


def test_split_by_time_drops_later_copies() -> None:
    content = [*range(95), 0, 1, 2, 3, 4]
    parts = split(sequences_of(100, content=content, spans=[(day, day) for day in range(100)]))
    assert set(parts.test.tolist()) == set(range(80, 95))
    [note] = parts.notes
    assert "5 sequences are left out" in note


def test_split_follows_from_the_file() -> None:
    groups, spans = [row // 5 for row in range(100)], [(row, row) for row in range(100)]
    assert max(split(sequences_of(100, groups=groups, spans=spans)).train) < 70
    with pytest.raises(TaskError, match=r"task\.split=time: the file has no times"):
        split(sequences_of(100), split="time")
    with pytest.raises(TaskError, match=r"task\.split=group: the file has no groups"):
        split(sequences_of(100), split="group")


@pytest.mark.parametrize("has", ["groups", "spans"])
def test_leaking_shuffle_needs_permission(has: str) -> None:
    values: Any = [row // 2 for row in range(100)] if has == "groups" else [(row, row) for row in range(100)]
    sequences = sequences_of(100, **{has: values})
    with pytest.raises(TaskError, match=r"task\.split=random: .* take task\.split=(time|group)"):
        split(sequences, split="random")
    assert len(split(sequences, split="random", allow_leakage=True).test) == 20


def test_steps_taken_for_times_are_refused() -> None:
    with pytest.raises(TaskError, match=r"nothing is left .* task\.step_column"):
        split(sequences_of(100, spans=[(0, 9)] * 100))


def test_too_few_sequences_are_refused() -> None:
    with pytest.raises(TaskError, match="4 sequences are too few for a test set of 2"):
        split(sequences_of(4), test_size=2)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300))
def test_each_prefix_has_each_class_by_its_share(labels: list[int]) -> None:
    order = shuffled(len(labels), np.array(labels, dtype=np.uint8))
    assert sorted(order.tolist()) == list(range(len(labels)))
    for size in (len(labels) // 4, len(labels) // 2):
        first = [labels[row] for row in order[:size]]
        for label in set(labels):
            assert abs(first.count(label) - size * labels.count(label) / len(labels)) <= 10
