"""What every task must keep to: shapes, seeds, sets that share nothing, a sealed test set."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.conformance.tasks import batch_problems
from failmap.datasets import build_task
from failmap.datasets.config import TASK_CONFIGS
from failmap.datasets.task import Batch, SealedError, Task, num_shared
from tests.conformance.task_variants import (
    ALL,
    GENERATED,
    LENGTH,
    LENGTH_DISTRIBUTIONS,
    build,
    config_of,
    shortest_of,
)


def same(one: Batch, other: Batch) -> bool:
    return torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)


def check_form(task: Task, batch: Batch) -> None:
    """The shapes, types and ranges that a network and a loss rely on."""
    num, length, _ = batch.inputs.shape
    assert length <= task.num_steps
    layout, kind, targets = task.config.target_layout, task.config.target_kind, batch.targets
    if layout == "decoded":
        # A sequence of outputs of its own: the first of them stands for all.
        assert targets.shape[:2] == (num, sum(task.config.decoded_steps))
        targets = targets[:, 0]
    sizes = SimpleNamespace(input_size=task.input_size, output_size=task.output_size, num_steps=length)
    supervision = "every_step" if layout == "step" else "last"
    # A pixel is a number from 0 to 1.
    kind = "number" if kind == "share" else kind
    found = batch_problems(sizes, batch.inputs, targets, kind=kind, supervision=supervision, num=num)
    assert list(found) == []
    if kind != "category":
        low, high = task.target_range
        assert low <= batch.targets.min() <= batch.targets.max() <= high


def test_every_task_has_a_variant_here() -> None:
    assert {case.values[0]["name"] for case in ALL} == set(TASK_CONFIGS)


@pytest.mark.parametrize("variant", ALL)
def test_batches_and_sets_have_the_stated_shapes(variant: dict[str, Any]) -> None:
    task = build(variant, test_size=200)
    assert task.input_size == task.config.num_features or task.config.name == "array_file"
    if not task.config.is_enumerated and task.config.name != "array_file":
        assert len(task.validation_set().inputs) == task.config.num_validation
        assert task.num_train == task.config.num_train or task.config.name == "moving_mnist"
    task.unseal()
    batch = task.train_batch(seed=0, update=0, batch_size=16, progress=0.0)
    assert len(batch.inputs) == 16
    for part in (batch, task.validation_set(), task.test_set()):
        check_form(task, part)
    assert task.validation_set().inputs.shape[1] == task.test_set().inputs.shape[1] == task.num_steps


@pytest.mark.parametrize("variant", GENERATED)
@pytest.mark.parametrize("lengths", LENGTH_DISTRIBUTIONS)
def test_training_lengths(variant: dict[str, Any], lengths: str) -> None:
    task = build(variant, length_distribution=lengths, curriculum_share=0.5)
    seen = set()
    for update in range(100):
        batch = task.train_batch(seed=3, update=update, batch_size=2, progress=update / 100)
        check_form(task, batch)
        seen.add(task.num_steps - batch.inputs.shape[1])
    assert seen == ({0} if lengths == "fixed" else set(range(LENGTH - shortest_of(variant) + 1)))


@pytest.mark.parametrize("variant", GENERATED)
@pytest.mark.parametrize("lengths", LENGTH_DISTRIBUTIONS)
def test_the_shortest_sequences_work(variant: dict[str, Any], lengths: str) -> None:
    task = build(variant, sequence_length=shortest_of(variant), length_distribution=lengths)
    check_form(task, task.train_batch(seed=0, update=0, batch_size=8, progress=0.3))
    check_form(task, task.validation_set())


@pytest.mark.parametrize("variant", ALL)
@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    update=st.integers(0, 10**6),
    progress=st.floats(0, 1),
    other=st.integers(1, 10**6),
)
def test_a_batch_is_a_function_of_seed_and_update(
    variant: dict[str, Any], seed: int, update: int, progress: float, other: int
) -> None:
    has_lengths = "length_distribution" in TASK_CONFIGS[variant["name"]].model_fields
    values = {"length_distribution": "curriculum"} if has_lengths else {}
    task, again = build(variant, **values), build(variant, **values)
    batch = task.train_batch(seed, update, 64, progress)
    different_update = task.train_batch(seed, update + other, 64, progress)
    different_seed = task.train_batch(seed + other, update, 64, progress)

    again.train_batch(seed + 1, update + 1, 3, 0.0)
    assert same(batch, again.train_batch(seed, update, 64, progress))
    assert same(batch, task.train_batch(seed, update, 64, progress))
    if batch.inputs.shape[1] == task.num_steps:  # a few bits agree by accident
        assert not same(batch, different_update)
        assert not same(batch, different_seed)


@pytest.mark.parametrize("variant", ALL)
def test_validation_and_test_are_fixed(variant: dict[str, Any]) -> None:
    task, other = build(variant), build(variant)
    for seed in range(3):
        other.train_batch(seed, 0, 8, 0.0)
    assert same(task.validation_set(), other.validation_set())
    assert task.validation_set().inputs is task.validation_set().inputs, "made once"
    task.unseal()
    other.unseal()
    assert same(task.test_set(), other.test_set())


@pytest.mark.parametrize("variant", ALL)
@pytest.mark.parametrize("length", [LENGTH, 28])
def test_sets_share_no_example(variant: dict[str, Any], length: int) -> None:
    task = build(variant, sequence_length=length)
    task.unseal()
    validation, test = task.validation_set(), task.test_set()
    train = [task.train_batch(0, update, 64, 0.0) for update in range(10)]
    if task.config.is_enumerated:
        assert num_shared(validation, test) == len(validation.inputs) == len(test.inputs)
        assert any("all sets hold" in note for note in task.notes)
        return
    assert num_shared(validation, test) == 0
    for batch in train:
        assert num_shared(batch, validation) == num_shared(batch, test) == 0


@pytest.mark.parametrize("variant", ALL)
def test_test_set_is_sealed(variant: dict[str, Any]) -> None:
    task = build(variant)
    with pytest.raises(SealedError, match="unseal"):
        task.test_set()
    task.unseal()
    check_form(task, task.test_set())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("variant", ALL)
def test_gpu_never_waits_for_the_host_within_an_epoch(variant: dict[str, Any]) -> None:
    task = build_task(config_of(variant), torch.device("cuda"))
    torch.testing.assert_close(task.validation_set().inputs.cpu(), build(variant).validation_set().inputs)
    first = task.train_batch(0, 0, 64, 0.0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for update in range(1, 40 if task.num_train is None else 2):
            task.train_batch(0, update, 64, 0.0)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert same(first, task.train_batch(0, 0, 64, 0.0))
