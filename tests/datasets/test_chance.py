"""Closed forms against enumeration, and bounds against exact tails."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from datasets.chance import (
    adding_chance,
    best_of_chance,
    least_error_of_chance,
    parity_chance,
    recall_chance,
)
from datasets.config import AddingConfig, DelayedRecallConfig, ParityConfig


def test_bits_leave_a_blind_guess_at_one_half_and_ln_2() -> None:
    for length in (1, 2, 50):
        for supervision in ("last", "every_step"):
            chance = parity_chance(ParityConfig(sequence_length=length, supervision=supervision))
            assert (chance.metric, chance.loss) == pytest.approx((0.5, math.log(2)))


@pytest.mark.parametrize("num_values", [2, 3, 4, 5])
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_parity_chance_counts_every_sequence(num_values: int, length: int) -> None:
    sequences = list(itertools.product(range(num_values), repeat=length))
    share_odd = [
        sum(sum(sequence[:step]) % 2 for sequence in sequences) / len(sequences)
        for step in range(1, length + 1)
    ]
    last = parity_chance(ParityConfig(sequence_length=length, number_range=num_values))
    every = parity_chance(
        ParityConfig(sequence_length=length, number_range=num_values, supervision="every_step")
    )
    assert last.metric == pytest.approx(max(share_odd[-1], 1 - share_odd[-1]))
    assert every.metric == pytest.approx(sum(max(p, 1 - p) for p in share_odd) / length)


@pytest.mark.parametrize("length", [2, 3, 10, 200])
def test_adding_leaves_the_variance_of_two_numbers(length: int) -> None:
    assert adding_chance(AddingConfig(sequence_length=length)).metric == pytest.approx(1 / 6)


def test_the_running_sum_of_two_steps() -> None:
    # The first number is always marked at step 1, the second at step 2: variances 1/12 and 1/6.
    every = adding_chance(AddingConfig(sequence_length=2, supervision="every_step"))
    assert every.metric == pytest.approx((1 / 12 + 1 / 6) / 2)


@pytest.mark.parametrize("num_symbols", [2, 10])
def test_recall_leaves_one_of_all_symbols(num_symbols: int) -> None:
    chance = recall_chance(DelayedRecallConfig(num_symbols=num_symbols))
    assert (chance.metric, chance.loss) == pytest.approx((1 / num_symbols, math.log(num_symbols)))


@given(
    accuracy=st.floats(0.01, 0.9),
    num_sequences=st.integers(1, 5000),
    num_evaluations=st.integers(1, 10_000),
)
def test_chance_exceeds_its_bound_as_rarely_as_promised(
    accuracy: float, num_sequences: int, num_evaluations: int
) -> None:
    bound = best_of_chance(accuracy, num_sequences, num_evaluations)
    assert accuracy < bound <= 1
    exceeded = binom.sf(math.floor(bound * num_sequences), num_sequences, accuracy)
    assert num_evaluations * exceeded <= 1e-6


def test_the_bound_is_near_the_exact_quantile() -> None:
    exact = binom.isf(1e-6 / 1000, 512, 0.5) / 512
    assert exact < best_of_chance(0.5, 512, 1000) < exact + 0.02


def test_few_sequences_may_all_be_guessed_right() -> None:
    assert best_of_chance(0.5, num_sequences=20, num_evaluations=1000) == 1.0
    assert best_of_chance(0.5, num_sequences=40, num_evaluations=1000) < 1.0


@pytest.mark.parametrize("supervision", ["last", "every_step"])
@pytest.mark.parametrize("num_sequences", [4, 8, 16])
def test_blind_errors_fall_below_their_bound_as_rarely_as_promised(
    supervision: str, num_sequences: int
) -> None:
    probability, num_sets = 0.2, 20_000
    config = AddingConfig(sequence_length=6, supervision=supervision)
    bound = least_error_of_chance(config, num_sequences, probability)
    torch.manual_seed(0)
    numbers = torch.rand(num_sets, num_sequences, 6)
    marks = torch.zeros_like(numbers)
    for first in (0, 3):
        marks.scatter_(-1, torch.randint(first, first + 3, (num_sets, num_sequences, 1)), 1.0)
    targets = (numbers * marks).cumsum(-1)
    if supervision == "last":
        targets = targets[..., -1:]
    best_guess_errors = targets.var(dim=1, correction=0).mean(-1)
    assert (best_guess_errors < bound).double().mean().item() <= probability


def test_the_error_bound_grows_with_the_sequences_and_stays_below_chance() -> None:
    for supervision in ("last", "every_step"):
        config = AddingConfig(sequence_length=20, supervision=supervision)
        bounds = [least_error_of_chance(config, num) for num in (1, 30, 100, 512, 10_000)]
        assert bounds[0] == 0.0
        assert bounds == sorted(bounds)
        assert 0.05 * adding_chance(config).metric < bounds[2] < bounds[-1] < adding_chance(config).metric
