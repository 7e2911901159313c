"""What every task must keep to, whatever it shows and asks."""

import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.conformance.tasks import batch_problems
from failmap.datasets import build_task
from failmap.datasets.config import TASK_CONFIGS, TaskConfig
from failmap.datasets.criterion import check_criterion
from failmap.datasets.task import Batch, SealedError, Task, num_shared

LENGTH = 7
LENGTH_DISTRIBUTIONS = ("fixed", "uniform", "curriculum")

#: Drawn by a formula, with a label at the last step or at every step.
BY_FORMULA: dict[str, dict[str, Any]] = {
    "parity": {"name": "parity"},
    "parity of 3": {"name": "parity", "number_range": 3},
    "parity of 10": {"name": "parity", "number_range": 10},
    "marked xor": {"name": "marked_xor"},
    "adding": {"name": "adding"},
    "sum": {"name": "sum_regression"},
    "sum of bits": {"name": "sum_regression", "number_range": 2},
    "sum of 10": {"name": "sum_regression", "number_range": 10},
    "recall of 2": {"name": "delayed_recall"},
    "recall of 5": {"name": "delayed_recall", "num_symbols": 5},
    "order of 2": {"name": "temporal_order"},
    "order of 3": {"name": "temporal_order", "num_marks": 3},
}
#: Drawn by a formula, with a label at every step only.
COPYING: dict[str, dict[str, Any]] = {
    "copy": {"name": "copy_memory"},
    "copy 2 of 3": {"name": "copy_memory", "num_symbols": 3, "num_copied": 2},
}
SMALL_FRAMES = {"frame_size": 12, "digit_size": 7, "num_digits": 1, "prediction_length": 3, "test_size": 200}
_FOLDER = TemporaryDirectory()


def write_arrays(name: str, **arrays: np.ndarray) -> str:
    """A file of the user's, there as long as the tests run."""
    path = Path(_FOLDER.name) / f"{name}.npz"
    np.savez(path, **arrays)
    return str(path)


_RANDOM = np.random.RandomState(0)
_WHOLE_NUMBERS = _RANDOM.randint(0, 10, (2000, 200, 2))
#: On data of their own.
ON_DATA: dict[str, dict[str, Any]] = {
    "mnist": {"name": "mnist"},
    "ragged classes of groups": {
        "name": "array_file",
        "path": write_arrays(
            "classes",
            inputs=_WHOLE_NUMBERS,
            targets=np.arange(2000) % 3,
            lengths=np.append(200, _RANDOM.randint(28, 201, 1999)),
            groups=np.arange(2000) // 3,
        ),
    },
    "numbers at every step in time": {
        "name": "array_file",
        "path": write_arrays(
            "numbers",
            inputs=_WHOLE_NUMBERS,
            targets=_WHOLE_NUMBERS.max(2),
            times=np.arange(2000),
        ),
        "target": "regression",
        "supervision": "every_step",
    },
    "forecast": {
        "name": "array_file",
        "path": write_arrays("series", series=_WHOLE_NUMBERS[:40].reshape(8000, 2)),
        "target": "forecasting",
        "horizon": 3,
    },
    "permuted mnist": {"name": "mnist", "permuted": True},
    "mnist of 300": {"name": "mnist", "train_size": 300},
    "moving mnist, reconstruction": {"name": "moving_mnist", "target": "reconstruction", **SMALL_FRAMES},
    "moving mnist, prediction": {"name": "moving_mnist", "target": "prediction", **SMALL_FRAMES},
    "moving mnist, both of 2": {"name": "moving_mnist", "target": "both", **SMALL_FRAMES, "num_digits": 2},
}

GENERATED = [
    pytest.param({**variant, "supervision": supervision}, id=f"{name}, {supervision}")
    for name, variant in BY_FORMULA.items()
    for supervision in ("last", "every_step")
] + [pytest.param(variant, id=name) for name, variant in COPYING.items()]
ALL = [*GENERATED, *(pytest.param(variant, id=name) for name, variant in ON_DATA.items())]
#: Those whose targets are no classes.
NUMBERS = [case for case in GENERATED if TASK_CONFIGS[str(case.values[0]["name"])].kind != "category"]
#: Fewer steps leave no room for the marks.
SHORTEST = {"adding": 2, "marked_xor": 2, "temporal_order": 2}


def shortest_of(variant: dict[str, Any]) -> int:
    """The shortest sequences that make sense."""
    return variant.get("num_marks", SHORTEST.get(variant["name"], 1))


def config_of(variant: dict[str, Any], **values: Any) -> TaskConfig:
    return TASK_CONFIGS[variant["name"]].model_validate({"sequence_length": LENGTH, **variant, **values})


def build(variant: dict[str, Any], **values: Any) -> Task:
    return build_task(config_of(variant, **values))


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


def odd(variant: dict[str, Any], sequence: Sequence[Sequence[float]]) -> list[float]:
    largest = variant.get("number_range", 2) - 1
    return [float(total % 2) for total in accumulate(round(step[0] * largest) for step in sequence)]


def marked_sum(variant: dict[str, Any], sequence: Sequence[Sequence[float]]) -> list[float]:
    return list(accumulate(number if mark == 1 else 0.0 for number, mark in sequence))


def marked_xor(variant: dict[str, Any], sequence: Sequence[Sequence[float]]) -> list[float]:
    return [total % 2 for total in marked_sum(variant, sequence)]


def plain_sum(variant: dict[str, Any], sequence: Sequence[Sequence[float]]) -> list[float]:
    return list(accumulate(number for [number] in sequence))


def first_symbol(variant: dict[str, Any], sequence: Sequence[Sequence[float]]) -> list[float]:
    *symbols, _ = sequence[0]
    return [symbols.index(1.0)] * len(sequence)


def copied(variant: dict[str, Any], sequence: Sequence[Sequence[float]]) -> list[float]:
    shown = [step.index(1.0) for step in sequence]
    blank, cue = 0, len(sequence[0]) - 1
    symbols = shown[: variant.get("num_copied", 10)]
    asked_from = shown.index(cue) + 1
    assert blank not in symbols
    assert set(shown[len(symbols) : asked_from - 1] + shown[asked_from:]) <= {blank}
    assert len(shown) - asked_from == len(symbols)
    return [blank] * asked_from + symbols


def order_of_marks(variant: dict[str, Any], sequence: Sequence[Sequence[float]]) -> list[float]:
    x, y = 4, 5
    num_marks, num_seen, total, totals = variant.get("num_marks", 2), 0, 0, []
    for step in sequence:
        symbol = step.index(1.0)
        if symbol in (x, y):
            num_seen += 1
            total += 2 ** (num_marks - num_seen) if symbol == y else 0
        totals.append(total)
    assert num_seen == num_marks
    return totals


DEFINITIONS = {
    "parity": odd,
    "marked_xor": marked_xor,
    "adding": marked_sum,
    "sum_regression": plain_sum,
    "copy_memory": copied,
    "delayed_recall": first_symbol,
    "temporal_order": order_of_marks,
}


@pytest.mark.parametrize("variant", GENERATED)
def test_targets_follow_from_the_inputs(variant: dict[str, Any]) -> None:
    task = build(variant, length_distribution="uniform", test_size=200)
    for batch in [task.validation_set(), *(task.train_batch(1, update, 32, 0.0) for update in range(5))]:
        expected = [DEFINITIONS[variant["name"]](variant, sequence) for sequence in batch.inputs.tolist()]
        if task.config.target_layout != "step":
            expected = [targets[-1] for targets in expected]
        torch.testing.assert_close(batch.targets.double(), torch.tensor(expected, dtype=torch.float64))


def blind_guess(task: Task, seen: torch.Tensor, asked: torch.Tensor) -> tuple[float, float]:
    """Metric and loss of guessing, at each labelled step, what was most frequent (or the mean) there."""
    if task.config.metric_name == "mean_squared_error":
        error = (asked.double() - seen.double().mean(0)).square().mean().item()
        return error, error
    num_classes = max(2, task.output_size)
    shares = torch.nn.functional.one_hot(seen.long(), num_classes).double().mean(0)
    shares = shares.expand(*asked.shape, num_classes)
    is_right = (shares.argmax(-1) == asked).double()
    nats = -shares.gather(-1, asked.long().unsqueeze(-1)).log().mean().item()
    counted = is_right[:, task.counted_from :] if task.counted_from else is_right
    return counted.mean().item(), nats


@pytest.mark.parametrize("variant", GENERATED)
def test_chance_of_a_blind_guess(variant: dict[str, Any]) -> None:
    num_sequences = 50_000
    task = build(variant, test_size=2 * num_sequences)
    seen = task.train_batch(0, 0, 2 * num_sequences, 0.0).targets
    metric, loss = blind_guess(task, seen, task.validation_set().targets)
    if task.config.metric_name == "mean_squared_error":
        # A mean of squares strays by sqrt(2/n) of itself where errors are normal, by less where bounded.
        assert metric == pytest.approx(task.chance.metric, rel=6 * math.sqrt(2 / num_sequences))
        return
    # Hoeffding: an average of values in a range of 1 strays further once in 10^9.
    strays = math.sqrt(math.log(2e9) / (2 * num_sequences))
    assert metric == pytest.approx(task.chance.metric, abs=strays)
    assert loss == pytest.approx(task.chance.loss, abs=2 * strays)


@pytest.mark.parametrize("variant", NUMBERS)
def test_moments_are_those_of_the_targets(variant: dict[str, Any]) -> None:
    task = build(variant, test_size=100_000)
    targets = task.validation_set().targets.double()
    mean, deviation = task.target_moments
    assert targets.mean().item() == pytest.approx(mean, abs=0.02)
    assert targets.std().item() == pytest.approx(deviation, abs=0.02)


@pytest.mark.parametrize("variant", ALL)
def test_partial_solutions_are_between_chance_and_perfection(variant: dict[str, Any]) -> None:
    task = build(variant)
    levels = [
        task.chance.metric,
        *(partial.metric for partial in task.partial_solutions),
        task.perfect_metric,
    ]
    rising = levels == sorted(levels, reverse=task.config.metric_name == "mean_squared_error")
    assert rising
    assert len(set(levels)) == len(levels)


@pytest.mark.parametrize("variant", ALL)
@pytest.mark.parametrize("length", [3, 10])
def test_number_of_validation_sequences(variant: dict[str, Any], length: int) -> None:
    task = build(variant, sequence_length=length)
    assert task.num_validation == len(task.validation_set().targets)


@pytest.mark.parametrize("variant", ALL)
@pytest.mark.parametrize("length", [3, 10, 200])
def test_criterion_is_between_chance_and_perfection(variant: dict[str, Any], length: int) -> None:
    task = build(variant, sequence_length=length)
    check_criterion(task.config, num_evaluations=1000, chance=task.chance)
    skill = (task.target_metric - task.chance.metric) / (task.perfect_metric - task.chance.metric)
    assert 0.5 <= skill < 1


@pytest.mark.parametrize("variant", ALL)
def test_no_constant_guess_meets_the_criterion(variant: dict[str, Any]) -> None:
    task = build(variant)
    targets = task.validation_set().targets
    best, _ = blind_guess(task, targets, targets)
    if task.config.metric_name == "accuracy":
        assert best < task.target_metric
    else:
        assert best > task.target_metric
