"""Closed forms against enumeration, and bounds against exact tails."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from failmap.datasets.chance import TOLERATED_LUCK, best_of_chance
from failmap.datasets.config import (
    AddingConfig,
    CopyMemoryConfig,
    DelayedRecallConfig,
    MarkedXorConfig,
    ParityConfig,
    SumRegressionConfig,
    TemporalOrderConfig,
)
from failmap.datasets.error_bounds import least_error_of_sum, least_error_of_two_numbers
from failmap.datasets.sums import Adding
from failmap.datasets.symbols import TemporalOrder

NUM_SEQUENCES = 40_000


def test_parity_of_bits() -> None:
    for length in (1, 2, 50):
        for supervision in ("last", "every_step"):
            chance = ParityConfig(sequence_length=length, supervision=supervision).chance()
            assert (chance.metric, chance.loss) == pytest.approx((0.5, math.log(2)))


@pytest.mark.parametrize("num_values", [2, 3, 4, 5])
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_parity_by_enumeration(num_values: int, length: int) -> None:
    sequences = list(itertools.product(range(num_values), repeat=length))
    share_odd = [
        sum(sum(sequence[:step]) % 2 for sequence in sequences) / len(sequences)
        for step in range(1, length + 1)
    ]
    last = ParityConfig(sequence_length=length, number_range=num_values).chance()
    every = ParityConfig(sequence_length=length, number_range=num_values, supervision="every_step").chance()
    assert last.metric == pytest.approx(max(share_odd[-1], 1 - share_odd[-1]))
    assert every.metric == pytest.approx(sum(max(p, 1 - p) for p in share_odd) / length)


@pytest.mark.parametrize("length", [2, 3, 10, 200])
def test_adding_variance_of_two_numbers(length: int) -> None:
    assert AddingConfig(sequence_length=length).chance().metric == pytest.approx(1 / 6)


def test_the_running_sum_of_two_steps() -> None:
    # The first number is always marked at step 1, the second at step 2: variances 1/12 and 1/6.
    every = AddingConfig(sequence_length=2, supervision="every_step").chance()
    assert every.metric == pytest.approx((1 / 12 + 1 / 6) / 2)


@pytest.mark.parametrize("num_symbols", [2, 10])
def test_recall_one_of_all_symbols(num_symbols: int) -> None:
    chance = DelayedRecallConfig(num_symbols=num_symbols).chance()
    assert (chance.metric, chance.loss) == pytest.approx((1 / num_symbols, math.log(num_symbols)))


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_marked_xor_by_enumeration(length: int) -> None:
    pairs = list(itertools.combinations(range(1, length + 1), 2))
    share_seen = [sum(first <= step for first, _ in pairs) / len(pairs) for step in range(1, length + 1)]
    every = MarkedXorConfig(sequence_length=length, supervision="every_step").chance()
    assert every.metric == pytest.approx(sum(1 - share / 2 for share in share_seen) / length)
    last = MarkedXorConfig(sequence_length=length).chance()
    assert (last.metric, last.loss) == pytest.approx((0.5, math.log(2)))


def test_adding_with_one_known_number() -> None:
    for length in (2, 3, 100):
        assert AddingConfig(sequence_length=length).partial_solutions()[0].metric == pytest.approx(1 / 12)


@pytest.mark.parametrize("length", [1, 10, 100])
def test_sum_of_uniform_numbers(length: int) -> None:
    assert SumRegressionConfig(sequence_length=length).chance().metric == pytest.approx(length / 12)
    every = SumRegressionConfig(sequence_length=length, supervision="every_step").chance()
    assert every.metric == pytest.approx((length + 1) / 24)


@pytest.mark.parametrize("num_values", [2, 3, 10])
def test_sum_of_whole_numbers_by_enumeration(num_values: int) -> None:
    sums = [sum(numbers) / (num_values - 1) for numbers in itertools.product(range(num_values), repeat=3)]
    chance = SumRegressionConfig(sequence_length=3, number_range=num_values).chance()
    assert chance.metric == pytest.approx(torch.tensor(sums, dtype=torch.float64).var(correction=0).item())


def test_copying_ten_of_eight_symbols() -> None:
    chance = CopyMemoryConfig(sequence_length=100, num_symbols=8, num_copied=10).chance()
    assert (chance.metric, chance.loss) == pytest.approx((1 / 8, 10 * math.log(8) / 120))


@pytest.mark.parametrize("length", [3, 10, 100])
def test_order_has_one_bit_per_unknown_mark(length: int) -> None:
    for num_marks, num_known in [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]:
        left = TemporalOrderConfig(sequence_length=length, num_marks=num_marks).chance_with_known(num_known)
        bits = num_marks - num_known
        assert (left.metric, left.loss) == pytest.approx((0.5**bits, bits * math.log(2)))


@given(
    accuracy=st.floats(0.01, 0.9),
    num_sequences=st.integers(1, 5000),
    num_evaluations=st.integers(1, 10_000),
)
def test_accuracy_bound_against_exact_tails(
    accuracy: float, num_sequences: int, num_evaluations: int
) -> None:
    bound = best_of_chance(accuracy, num_sequences, num_evaluations)
    assert accuracy < bound <= 1
    exceeded = binom.sf(math.floor(bound * num_sequences), num_sequences, accuracy)
    assert num_evaluations * exceeded <= TOLERATED_LUCK


def test_accuracy_bound_is_near_the_exact_quantile() -> None:
    exact = binom.isf(TOLERATED_LUCK / 1000, 512, 0.5) / 512
    assert exact < best_of_chance(0.5, 512, 1000) < exact + 0.02


def test_accuracy_bound_of_few_sequences() -> None:
    assert best_of_chance(0.5, num_sequences=19, num_evaluations=1000) == 1.0
    assert best_of_chance(0.5, num_sequences=20, num_evaluations=1000) < 1.0


@pytest.mark.parametrize("supervision", ["last", "every_step"])
@pytest.mark.parametrize("num_sequences", [4, 8, 16])
def test_adding_error_bound_against_samples(supervision: str, num_sequences: int) -> None:
    probability, num_sets = 0.2, 20_000
    config = AddingConfig(sequence_length=6, supervision=supervision)
    bound = least_error_of_two_numbers(
        config.labelled_steps, config.shares_marked, num_sequences, probability
    )
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


def test_adding_error_bound_grows_with_sequences() -> None:
    for supervision in ("last", "every_step"):
        config = AddingConfig(sequence_length=20, supervision=supervision)
        bounds = [config.least_blind_error(config.chance(), num) for num in (1, 30, 100, 512, 10_000)]
        assert bounds[0] == 0.0
        assert bounds == sorted(bounds)
        assert 0.05 * config.chance().metric < bounds[2] < bounds[-1] < config.chance().metric


@pytest.mark.parametrize("supervision", ["last", "every_step"])
@pytest.mark.parametrize("number_range", [None, 2, 5])
@pytest.mark.parametrize("num_sequences", [8, 16])
def test_sum_error_bound_against_samples(
    supervision: str, number_range: int | None, num_sequences: int
) -> None:
    probability, num_sets, length = 0.2, 5_000, 4
    config = SumRegressionConfig(sequence_length=length, supervision=supervision, number_range=number_range)
    bound = least_error_of_sum(config.labelled_steps, number_range, num_sequences, probability)
    torch.manual_seed(0)
    shape = (num_sets, num_sequences, length)
    numbers = torch.rand(shape) if number_range is None else torch.randint(number_range, shape)
    targets = (numbers / (1 if number_range is None else number_range - 1)).cumsum(-1)
    if supervision == "last":
        targets = targets[..., -1:]
    best_guess_errors = targets.var(dim=1, correction=0).mean(-1)
    assert (best_guess_errors < bound).double().mean().item() <= probability


@pytest.mark.parametrize("number_range", [None, 2, 1000])
@pytest.mark.parametrize("supervision", ["last", "every_step"])
@pytest.mark.parametrize("length", [1, 20, 200])
def test_sum_error_bound_grows_with_sequences(
    number_range: int | None, supervision: str, length: int
) -> None:
    config = SumRegressionConfig(sequence_length=length, supervision=supervision, number_range=number_range)
    chance = config.chance()
    shares = [config.least_blind_error(chance, num) / chance.metric for num in (1, 64, 512, 100_000)]
    assert shares[0] == 0.0
    assert 0.05 < shares[1] < shares[2] < shares[3] < 1


@pytest.mark.parametrize("supervision", ["last", "every_step"])
@pytest.mark.parametrize("length", [2, 9])
def test_adding_partial_solution_against_samples(supervision: str, length: int) -> None:
    task = Adding(AddingConfig(sequence_length=length, supervision=supervision))
    [level] = task.partial_solutions
    inputs, targets, _ = task.train_batch(0, 0, NUM_SEQUENCES, 0.0)
    first = (inputs[..., 0] * inputs[..., 1])[:, : length // 2].cumsum(1)
    known = torch.cat((first, first[:, -1:].expand(-1, length - length // 2)), dim=1)
    unknown = targets - (known if supervision == "every_step" else known[:, -1])
    error = (unknown - unknown.mean(0)).square().mean().item()
    assert error == pytest.approx(level.metric, rel=0.03)
    assert level.loss == level.metric


@pytest.mark.parametrize("supervision", ["last", "every_step"])
@pytest.mark.parametrize("num_marks", [2, 3])
@pytest.mark.parametrize("length", [3, 20])
def test_order_partial_solutions_against_samples(supervision: str, num_marks: int, length: int) -> None:
    config = TemporalOrderConfig(sequence_length=length, num_marks=num_marks, supervision=supervision)
    task = TemporalOrder(config)
    targets = task.train_batch(0, 0, NUM_SEQUENCES, 0.0).targets.view(NUM_SEQUENCES, -1)
    for num_known, level in enumerate(task.partial_solutions, start=1):
        rest = 2 ** (num_marks - num_known)
        right, nats = 0.0, 0.0
        for column in targets.unbind(1):
            counts = torch.bincount(column, minlength=2**num_marks).view(-1, rest).double()
            right += counts.max(1).values.sum().item()
            shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
            nats -= (counts * shares.clamp(min=1e-9).log()).sum().item()
        assert right / targets.numel() == pytest.approx(level.metric, abs=0.02)
        assert nats / targets.numel() == pytest.approx(level.loss, abs=0.02)
