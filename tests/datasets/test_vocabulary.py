"""Words are counted in closed form, spelled by their heads, and kept out by them."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.datasets import build_task
from failmap.datasets.config import TASK_CONFIGS, GeneratedTaskConfig, TaskConfig
from failmap.datasets.config.symbols import mark_ranges
from failmap.datasets.input_space import InputSpace
from failmap.datasets.vocabulary import Vocabulary, distinct_numbers

CPU = torch.device("cpu")


def spelled(space: InputSpace, heads: torch.Tensor) -> list[tuple[int, ...]]:
    words = Vocabulary(space, CPU).with_heads(heads, torch.Generator())
    return [(*leading, *letters) for leading, letters in zip(*(part.tolist() for part in words), strict=True)]


def test_heads_of_a_small_space_are_all_words() -> None:
    space = InputSpace(leading=(2, 5), alphabet=3, num_letters=2)
    every_word = list(itertools.product(range(2), range(5), range(3), range(3)))
    assert space.num_inputs == space.num_heads == len(every_word) == 90
    assert spelled(space, torch.arange(90)) == every_word


@settings(deadline=None)
@given(
    leading=st.lists(st.integers(1, 10_000), max_size=3),
    alphabet=st.integers(2, 2**24),
    num_letters=st.integers(1, 80),
    share=st.floats(0, 1, exclude_max=True),
)
def test_a_head_spells_its_own_number(
    leading: list[int], alphabet: int, num_letters: int, share: float
) -> None:
    space = InputSpace(tuple(leading), alphabet, num_letters)
    for head in (0, int(share * space.num_heads), space.num_heads - 1):
        [word] = spelled(space, torch.tensor([head]))
        number = 0
        for letter, size in zip(word, space.head, strict=False):
            assert 0 <= letter < size
            number = number * size + letter
        assert number == head
        assert len(word) == len(leading) + num_letters


@settings(deadline=None)
@given(num_heads=st.integers(2, 60), data=st.data())
def test_free_words_are_all_but_those_kept_out(num_heads: int, data: st.DataObject) -> None:
    kept_out = data.draw(st.sets(st.integers(0, num_heads - 1), max_size=num_heads - 1))
    space = InputSpace((), num_heads, 1)
    vocabulary = Vocabulary(space, CPU, torch.tensor(sorted(kept_out), dtype=torch.int64))
    words = vocabulary.with_ranks(torch.arange(vocabulary.num_heads), torch.Generator())
    assert words.letters.flatten().tolist() == sorted(set(range(num_heads)) - kept_out)


def test_free_words_are_equally_likely() -> None:
    vocabulary = Vocabulary(InputSpace((), 6, 1), CPU, torch.tensor([0, 3, 4]))
    letters = vocabulary.draw(torch.Generator().manual_seed(0), 30_000).letters.flatten()
    counts = torch.bincount(letters, minlength=6)
    assert counts[[0, 3, 4]].tolist() == [0, 0, 0]
    # Binomial: a standard deviation of 82; six of them on either side.
    assert counts[[1, 2, 5]].tolist() == pytest.approx([10_000] * 3, abs=490)


@pytest.mark.parametrize("num_all", [100, 2**21, 2**50])
def test_distinct_numbers(num_all: int) -> None:
    numbers = distinct_numbers(torch.Generator().manual_seed(0), 100, num_all).tolist()
    assert len(set(numbers)) == 100
    assert 0 <= min(numbers) < 0.2 * num_all
    assert 0.8 * num_all < max(numbers) < num_all
    assert numbers != sorted(numbers)


def config_of(**values: object) -> TaskConfig:
    return TASK_CONFIGS[str(values["name"])].model_validate(values)


@pytest.mark.parametrize(
    ("values", "num_inputs"),
    [
        ({"name": "parity", "sequence_length": 3}, 8),
        ({"name": "parity", "sequence_length": 3, "number_range": 5}, 125),
        ({"name": "marked_xor", "sequence_length": 4}, 2**4 * 6),
        ({"name": "marked_xor", "sequence_length": 5}, 2**5 * 10),
        ({"name": "sum_regression", "sequence_length": 4, "number_range": 4}, 256),
        ({"name": "delayed_recall", "num_symbols": 7}, 7),
        ({"name": "copy_memory", "num_symbols": 3, "num_copied": 4}, 81),
        ({"name": "temporal_order", "sequence_length": 4}, 4 * 4**2),
        ({"name": "temporal_order", "sequence_length": 4, "num_marks": 3}, 8 * 4),
    ],
)
def test_number_of_distinct_inputs(values: dict[str, object], num_inputs: int) -> None:
    config = config_of(**values)
    assert isinstance(config, GeneratedTaskConfig)
    assert config.num_inputs == num_inputs
    inputs = build_task(config).validation_set().inputs
    assert len({sequence.numpy().tobytes() for sequence in inputs}) == len(inputs) == num_inputs


def test_number_of_uniform_inputs() -> None:
    config = config_of(name="adding", sequence_length=4)
    assert isinstance(config, GeneratedTaskConfig)
    assert config.num_inputs == 2 * 2 * 2 ** (24 * 4)


@settings(deadline=None)
@given(num_marks=st.sampled_from([2, 3]), length=st.integers(2, 100_000))
def test_marks_are_in_order(num_marks: int, length: int) -> None:
    ranges = mark_ranges(num_marks, max(length, num_marks))
    for earlier, later in itertools.pairwise(ranges):
        assert earlier[-1] < later[0]
    assert ranges[0][0] >= 0
    assert ranges[-1][-1] < max(length, num_marks)


def test_marks_are_in_the_ranges_of_the_paper() -> None:
    assert [(steps[0], steps[-1]) for steps in mark_ranges(2, 100)] == [(10, 20), (50, 60)]
    assert [(steps[0], steps[-1]) for steps in mark_ranges(3, 100)] == [(10, 20), (33, 43), (66, 76)]


@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 9])
def test_each_pair_of_steps_is_marked_as_often(length: int) -> None:
    task = build_task(config_of(name="marked_xor", sequence_length=length, test_size=100_000))
    marks = task.validation_set().inputs[..., 1]
    pairs = [tuple(row.nonzero().flatten().tolist()) for row in marks]
    counts = {pair: pairs.count(pair) for pair in set(pairs)}
    assert counts == dict.fromkeys(itertools.combinations(range(length), 2), 2**length)
    assert len(pairs) == math.comb(length, 2) * 2**length
