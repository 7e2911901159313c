"""What every task asks: targets that follow from the inputs, chance, and a criterion beyond it."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pytest
import torch

from failmap.datasets.criterion import check_criterion
from failmap.datasets.task import Task
from tests.conformance.task_variants import (
    ALL,
    GENERATED,
    NUMBERS,
    build,
)


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
