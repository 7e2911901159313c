"""Valid and invalid .npz files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.prepare import read_file


def write(tmp_path: Path, **arrays: Any) -> str:
    path = tmp_path / "my.npz"
    np.savez(path, **arrays)
    return str(path)


def read(path: str, **values: Any) -> Sequences:
    contents = read_file(ArrayFileConfig(path=path, **values))
    assert isinstance(contents, Sequences)
    return contents


def read_series(path: str, **values: Any) -> SeriesSet:
    contents = read_file(ArrayFileConfig(path=path, target="forecasting", sequence_length=2, **values))
    assert isinstance(contents, SeriesSet)
    return contents


INPUTS = np.arange(24.0).reshape(4, 3, 2)
TARGETS = np.array([0, 1, 0, 1])


def test_sequences_are_read(tmp_path: Path) -> None:
    sequences = read(write(tmp_path, inputs=INPUTS, targets=TARGETS))
    assert (sequences.inputs == INPUTS).all()
    assert sequences.targets.tolist() == [0, 1, 0, 1]
    assert sequences.lengths.tolist() == [3, 3, 3, 3]


def test_single_feature_needs_no_dimension(tmp_path: Path) -> None:
    assert read(write(tmp_path, inputs=INPUTS[:, :, 0], targets=TARGETS)).inputs.shape == (4, 3, 1)


def test_padding_is_ignored(tmp_path: Path) -> None:
    padded = INPUTS.copy()
    padded[0, 1:] = np.nan
    path = write(tmp_path, inputs=padded, targets=TARGETS, lengths=np.array([1, 3, 3, 3]))
    sequences = read(path)
    assert (sequences.inputs[0] == [[0, 1], [0, 0], [0, 0]]).all()


def test_named_groups_and_dates(tmp_path: Path) -> None:
    days = np.array(["2024-03-02", "2024-03-01", "2024-03-04", "2024-03-03"], dtype="datetime64[D]")
    sequences = read(
        write(tmp_path, inputs=INPUTS, targets=TARGETS, groups=np.array(["b", "a", "b", "c"]), times=days)
    )
    assert sequences.groups is not None
    assert sequences.groups.tolist() == [1, 0, 1, 2]
    assert sequences.spans is not None
    assert np.argsort(sequences.spans[:, 0]).tolist() == [1, 0, 3, 2]


@pytest.mark.parametrize("shape", [(5,), (5, 3), (2, 5, 3)])
def test_one_or_several_series(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    series = read_series(write(tmp_path, series=values)).series
    assert sum(one.values.size for one in series) == values.size
    assert len(series[0].values) == 5


def test_target_feature_comes_first(tmp_path: Path) -> None:
    contents = read_series(write(tmp_path, series=np.arange(12.0).reshape(4, 3)), target_column=2)
    assert contents.series[0].values[0].tolist() == [2, 0, 1]
    assert (contents.num_targets, contents.features) == (1, ("2", "0", "1"))


MISTAKES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown array": ({"inputs": INPUTS, "targes": TARGETS}, {}, "array targes: .* did you mean targets"),
    "missing array": ({"inputs": INPUTS}, {}, "array targets is missing; there are inputs"),
    "objects": (
        {"inputs": np.array([[1.0], [1.0, 2.0]], dtype=object), "targets": TARGETS},
        {},
        "array inputs holds Python objects: pad ragged sequences",
    ),
    "texts": ({"inputs": np.array([["a"]]), "targets": TARGETS}, {}, "inputs: holds texts, not numbers"),
    "wrong shape": ({"inputs": np.zeros(3), "targets": TARGETS}, {}, r"inputs: has shape \(3,\), not"),
    "empty": ({"inputs": np.zeros((0, 3, 2)), "targets": np.zeros(0)}, {}, r"inputs: has shape \(0, 3, 2\)"),
    "targets at every step": (
        {"inputs": INPUTS, "targets": np.zeros((4, 3))},
        {},
        r"needs \(4,\): set task.supervision=every_step",
    ),
    "targets at the end": (
        {"inputs": INPUTS, "targets": TARGETS},
        {"supervision": "every_step"},
        r"needs \(4, 3\): set task.supervision=last",
    ),
    "missing value": (
        {"inputs": np.where(INPUTS == 9, np.nan, INPUTS), "targets": TARGETS},
        {},
        r"inputs: a missing value at sequence 1, step 1, feature 1 \(1 in all",
    ),
    "infinite target": (
        {"inputs": INPUTS, "targets": np.array([0, np.inf, 0, 1])},
        {},
        "targets: an infinite value at sequence 1",
    ),
    "length beyond the array": (
        {"inputs": INPUTS, "targets": TARGETS, "lengths": np.array([1, 4, 1, 1])},
        {},
        "lengths: sequence 1 has 4, not a whole number from 1 to 3",
    ),
    "too few groups": (
        {"inputs": INPUTS, "targets": TARGETS, "groups": np.zeros(3)},
        {},
        r"groups: has shape \(3,\), not \(4,\): one for each sequence",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_located(tmp_path: Path, mistake: str) -> None:
    arrays, values, message = MISTAKES[mistake]
    with pytest.raises(TaskError, match=message):
        read(write(tmp_path, **arrays), **values)


def test_falling_times_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, series=np.arange(4.0), times=np.array([0, 1, 1, 2]))
    with pytest.raises(TaskError, match="times: step 2 is not after the one before it"):
        read_series(path)


def test_unknown_feature_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"task\.target_column=3: series has the features 0 to 2"):
        read_series(write(tmp_path, series=np.zeros((4, 3))), target_column=3)


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "my.npz"
    path.write_bytes(b"nothing that numpy knows")
    with pytest.raises(TaskError, match=r"no \.npz file that can be read"):
        read(str(path))


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, inputs=INPUTS, targets=TARGETS)
    with pytest.raises(TaskError, match=r"mi\.npz: no such file; did you mean my\.npz"):
        read(str(tmp_path / "mi.npz"))
    with pytest.raises(TaskError, match=r"task\.path is missing"):
        read("")


def test_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, inputs=INPUTS, targets=TARGETS)
    assert len(read(path)) == 4
    write(tmp_path, inputs=INPUTS[:3], targets=TARGETS[:3])
    assert len(read(path)) == 3


def test_missing_ends_are_padding(tmp_path: Path) -> None:
    padded = np.random.RandomState(0).normal(size=(4, 3, 2))
    padded[0, 1:] = padded[2, 2] = np.nan
    sequences = read(write(tmp_path, inputs=padded, targets=TARGETS))
    assert sequences.lengths.tolist() == [1, 3, 2, 3]
    assert np.isfinite(sequences.inputs).all()
    assert any("padding" in note for note in sequences.notes)
    padded[1, 0] = np.nan
    with pytest.raises(TaskError, match="sequence 1, step 0"):
        read(write(tmp_path, inputs=padded, targets=TARGETS))


def test_text_labels_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    path = write(tmp_path, inputs=INPUTS, targets=np.array(["walk", "run", "sit", "run"]))
    sequences = read(path)
    assert sequences.targets.tolist() == [2, 0, 1, 0]
    assert any("0 run, 1 sit, 2 walk" in note for note in sequences.notes)
    with pytest.raises(TaskError, match="targets: holds texts, not numbers"):
        read(path, target="regression")


def test_exchanged_axes_are_noted(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    for shape, is_noted in (((20, 3, 100), True), ((20, 100, 3), False), ((20, 3, 5), False)):
        contents = read(write(tmp_path, inputs=random.normal(size=shape), targets=np.arange(20) % 2))
        assert any("numpy.swapaxes" in note for note in contents.notes) == is_noted
