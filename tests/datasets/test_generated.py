"""Generated tasks: their inputs and lengths."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from failmap.datasets.bits import Parity
from failmap.datasets.config import AddingConfig, DelayedRecallConfig, ParityConfig
from failmap.datasets.sums import Adding
from failmap.datasets.symbols import DelayedRecall


@given(
    share=st.floats(0.01, 1),
    progress=st.floats(0, 1),
    update=st.integers(0, 10_000),
    length=st.integers(1, 500),
)
def test_a_curriculum_grows_in_proportion(share: float, progress: float, update: int, length: int) -> None:
    task = Parity(
        ParityConfig(sequence_length=length, length_distribution="curriculum", curriculum_share=share)
    )
    longest = 1 + min(1.0, progress / share) * (length - 1)
    assert 1 <= task.training_length(0, update, progress) <= longest


@given(share=st.floats(0.01, 1), length=st.integers(2, 12))
def test_curriculum_reaches_full_length_at_its_share(share: float, length: int) -> None:
    task = Adding(
        AddingConfig(sequence_length=length, length_distribution="curriculum", curriculum_share=share)
    )
    assert {task.training_length(0, update, share) for update in range(300)} == set(range(2, length + 1))


def test_a_curriculum_begins_with_the_shortest() -> None:
    task = Parity(ParityConfig(sequence_length=50, length_distribution="curriculum"))
    assert {task.training_length(0, update, 0.0) for update in range(100)} == {1}


def test_length_of_an_update_depends_on_progress() -> None:
    task = Parity(ParityConfig(sequence_length=50, length_distribution="curriculum"))
    first, last = (task.train_batch(0, 7, 4, progress).inputs.shape[1] for progress in (0.0, 1.0))
    assert (first, last) == tuple(task.training_length(0, 7, progress) for progress in (0.0, 1.0))
    assert first == 1 < last


def test_uniform_lengths_are_uniform() -> None:
    task = Parity(ParityConfig(sequence_length=4, length_distribution="uniform"))
    lengths = torch.tensor([task.training_length(0, update, 0.0) for update in range(10_000)])
    counts = torch.bincount(lengths, minlength=5)[1:]
    assert counts.tolist() == pytest.approx([2500] * 4, abs=6 * (10_000 * 3 / 16) ** 0.5)


def test_every_bit_is_a_feature() -> None:
    batch = Parity(ParityConfig(sequence_length=20)).train_batch(0, 0, 100, 0.0)
    assert batch.inputs.unique().tolist() == [0.0, 1.0]


def test_numbers_fill_the_range_from_0_to_1() -> None:
    task = Parity(ParityConfig(sequence_length=20, number_range=5))
    assert task.train_batch(0, 0, 100, 0.0).inputs.unique().tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(("length", "first", "second"), [(2, {0}, {1}), (5, {0, 1}, {2, 3, 4})])
def test_one_mark_in_each_half(length: int, first: set[int], second: set[int]) -> None:
    task = Adding(AddingConfig(sequence_length=length))
    numbers, marks = task.train_batch(0, 0, 500, 0.0).inputs.unbind(-1)
    places = marks.nonzero()[:, 1].view(500, 2)
    assert set(places[:, 0].tolist()) == first
    assert set(places[:, 1].tolist()) == second
    assert numbers.min() >= 0
    assert numbers.max() < 1


def test_a_symbol_a_blank_and_a_cue() -> None:
    task = DelayedRecall(DelayedRecallConfig(sequence_length=3, num_symbols=2))
    batch = task.train_batch(0, 0, 50, 0.0)
    symbol = batch.targets.tolist()
    assert set(symbol) == {0, 1}
    assert batch.inputs.tolist() == [
        [[1.0 - which, 1.0 * which, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]] for which in symbol
    ]


def test_the_only_step_shows_and_asks() -> None:
    batch = DelayedRecall(DelayedRecallConfig(sequence_length=1)).train_batch(0, 0, 10, 0.0)
    assert batch.inputs[:, 0, :2].argmax(1).tolist() == batch.targets.tolist()
    assert batch.inputs[:, 0, 2].tolist() == [1.0] * 10
