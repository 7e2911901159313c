"""Disjoint sets, training sets of a given size, and notes where these are impossible."""

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.datasets import build_task
from failmap.datasets.config import TASK_CONFIGS, TaskConfig
from failmap.datasets.task import Batch, Task, num_shared


def build(**values: Any) -> Task:
    config: TaskConfig = TASK_CONFIGS[values["name"]].model_validate(values)
    task = build_task(config)
    task.unseal()
    return task


def rows(batch: Batch) -> list[bytes]:
    return [sequence.numpy().tobytes() for sequence in batch.inputs]


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(
        ["parity", "marked_xor", "adding", "sum_regression", "copy_memory", "temporal_order"]
    ),
    length=st.integers(3, 40),
    test_size=st.integers(2, 300),
    seed=st.integers(0, 2**40),
    train_size=st.none() | st.integers(1, 200),
)
def test_sets_are_disjoint_and_without_duplicates(
    name: str, length: int, test_size: int, seed: int, train_size: int | None
) -> None:
    task = build(name=name, sequence_length=length, test_size=test_size, train_size=train_size)
    train, validation, test = task.train_batch(seed, 0, 500, 0.0), task.validation_set(), task.test_set()
    for part in (validation, test):
        assert len(set(rows(part))) == len(part.inputs)
    if task.config.is_enumerated:
        assert num_shared(validation, test) == len(test.inputs)
    else:
        assert (len(validation.inputs), len(test.inputs)) == (test_size // 2, test_size)
        assert num_shared(validation, test) == 0
        assert num_shared(train, validation) == num_shared(train, test) == 0


def test_training_draws_all_inputs_not_held_out() -> None:
    task = build(name="parity", sequence_length=8, test_size=40)
    held_out = {*rows(task.validation_set()), *rows(task.test_set())}
    seen = set(rows(task.train_batch(0, 0, 10_000, 0.0)))
    assert len(held_out) == 60
    assert len(seen) == 256 - 60
    assert seen.isdisjoint(held_out)


def test_few_distinct_inputs_are_enumerated() -> None:
    task = build(name="parity", sequence_length=3)
    [note] = task.notes
    assert all(part in note for part in ("parity", "length 3", "8 distinct inputs", "1,536"))
    for part in (task.validation_set(), task.test_set(), task.train_batch(0, 0, 1000, 0.0)):
        assert len(set(rows(part))) == 8


def test_training_keeps_half_of_the_inputs() -> None:
    whole, held_out = build(name="parity", sequence_length=11), build(name="parity", sequence_length=12)
    assert "all sets hold" in whole.notes[0]
    assert len(whole.validation_set().inputs) == 2048
    assert held_out.notes == ()
    assert len(held_out.validation_set().inputs) == 512


def test_note_on_few_test_sequences() -> None:
    [accuracy] = build(name="parity", sequence_length=20, test_size=256).notes
    assert "256 test" in accuracy
    assert "±6 points" in accuracy
    [error] = build(name="adding", test_size=256).notes
    assert "256 test" in error
    assert "±17 %" in error
    assert build(name="adding", test_size=1000).notes == ()


def test_the_stated_precision_holds_for_guesses() -> None:
    """Of 2,000 accuracies at one half, 5 % stray further than 1.96 standard errors: 100, give or take 60."""
    torch.manual_seed(0)
    accuracies = torch.randint(2, (2000, 256)).double().mean(1)
    half_width = 1.96 * (0.25 / 256) ** 0.5
    assert 100 * half_width == pytest.approx(6, abs=0.5)
    assert 40 < ((accuracies - 0.5).abs() > half_width).sum().item() < 160


@pytest.mark.parametrize("batch_size", [7, 30, 70])
@pytest.mark.parametrize("name", ["parity", "adding", "copy_memory", "temporal_order"])
def test_epoch_shows_each_example_once(name: str, batch_size: int) -> None:
    task = build(name=name, sequence_length=20, train_size=30)
    assert task.num_train == 30
    seen: list[bytes] = []
    for update in range(-(-3 * 30 // batch_size)):
        seen += rows(task.train_batch(5, update, batch_size, 0.0))
    epochs = [seen[start : start + 30] for start in (0, 30, 60)]
    assert Counter(epochs[0]) == Counter(epochs[1]) == Counter(epochs[2])
    assert len(set(epochs[0])) == 30
    assert len({tuple(epoch) for epoch in epochs}) == 3, "each in an order of its own"


def test_each_seed_has_a_training_set_of_its_own() -> None:
    task, again = (build(name="parity", sequence_length=20, train_size=50) for _ in range(2))
    first, other = task.train_batch(0, 0, 50, 0.0), task.train_batch(1, 0, 50, 0.0)
    assert num_shared(first, other) == 0
    assert rows(again.train_batch(0, 0, 50, 0.0)) == rows(first) == rows(task.train_batch(0, 0, 50, 0.0))


def test_train_size_is_capped_with_a_note() -> None:
    task = build(name="parity", sequence_length=8, test_size=40, train_size=1000)
    assert task.num_train == 256 - 60
    assert "task.train_size=1000" in task.notes[0]
    assert "196 distinct inputs" in task.notes[0]
    assert len(set(rows(task.train_batch(0, 0, 196, 0.0)))) == 196


def test_batches_of_every_size_come_without_end() -> None:
    """Batches are drawn ahead, several at once: none is given twice."""
    task = build(name="adding", sequence_length=5)
    seen = [row for update in range(100) for row in rows(task.train_batch(0, update, 8, 0.0))]
    assert len(set(seen)) == 800


def test_shared_examples_are_counted_bit_for_bit() -> None:
    one = Batch(torch.tensor([[[0.0], [1.0]], [[1.0], [1.0]], [[1.0], [1.0]]]), torch.zeros(3))
    other = Batch(torch.tensor([[[1.0], [1.0]], [[0.0], [0.0]]]), torch.ones(2))
    assert num_shared(one, other) == 2
    assert num_shared(other, one) == 1


def test_padding_is_no_part_of_an_example() -> None:
    short = Batch(torch.tensor([[[1.0], [0.0]]]), torch.zeros(1), torch.tensor([1]))
    longer = Batch(torch.tensor([[[1.0], [0.0], [0.0]]]), torch.zeros(1), torch.tensor([1]))
    whole = Batch(torch.tensor([[[1.0], [0.0]]]), torch.zeros(1))
    assert num_shared(short, longer) == 1
    assert num_shared(short, whole) == 0


@pytest.mark.parametrize(
    ("values", "num_sequences"),
    [
        ({"name": "parity", "sequence_length": 3}, 8),
        ({"name": "parity", "sequence_length": 11}, 2048),
        ({"name": "parity", "sequence_length": 30}, 512),
        ({"name": "delayed_recall", "num_symbols": 5}, 5),
        ({"name": "copy_memory", "num_copied": 2}, 64),
        ({"name": "mnist", "test_size": 200}, 100),
    ],
)
def test_num_validation_of_the_config(values: dict[str, Any], num_sequences: int) -> None:
    task = build(**values)
    assert task.config.num_validation == num_sequences == len(task.validation_set().inputs)
