"""Transformations of a file's features and targets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from failmap.datasets import build_task
from failmap.datasets.array_file import ArrayFile
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences
from failmap.datasets.files.transforms import trimmed

RANDOM = np.random.RandomState(0)
INPUTS = RANDOM.normal(5, 3, (400, 8, 2))
SIGNS = (INPUTS.mean((1, 2)) > 5).astype(int)
WAVE = 0.05 * np.arange(600) + np.sin(np.arange(600) / 12 * 2 * np.pi) + RANDOM.normal(0, 0.1, 600)

Make = Callable[..., ArrayFile]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes arrays and builds their task."""

    def build(arrays: dict[str, Any], **values: Any) -> ArrayFile:
        np.savez(tmp_path / "my.npz", **arrays)
        task = build_task(ArrayFileConfig(path=str(tmp_path / "my.npz"), **values))
        assert isinstance(task, ArrayFile)
        return task

    return build


def sequences_of(inputs: np.ndarray) -> Sequences:
    """Sequences without lengths, whose target at each step is the step's number from 1."""
    num, steps = inputs.shape[:2]
    targets = np.broadcast_to(np.arange(1.0, steps + 1), (num, steps))
    return Sequences(inputs, targets, np.full(num, steps), None, None, ("0",))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), padding=st.sampled_from([0.0, -1.0, None]))
def test_padding_is_trimmed_to_the_lengths(seed: int, padding: float | None) -> None:
    random = np.random.RandomState(seed)
    lengths = random.randint(1, 12, 50)
    inputs = random.normal(size=(50, 12, 1))
    for one, length in zip(inputs, lengths, strict=True):
        one[length:] = one[length - 1] if padding is None else padding
    cut = trimmed(sequences_of(inputs))
    assert cut.lengths.tolist() == lengths.tolist()
    assert (cut.inputs == np.where(cut.is_step[:, :, None], inputs, 0)).all()
    assert (cut.targets.max(axis=1) == lengths).all()


def test_sequences_without_padding_stay(make: Make) -> None:
    kept, cut = (make({"inputs": INPUTS, "targets": SIGNS}, padding=how) for how in ("keep", "trim"))
    assert torch.equal(kept.validation_set().inputs, cut.validation_set().inputs)


def test_missing_rows_at_the_end_are_padding(make: Make) -> None:
    inputs = INPUTS.copy()
    inputs[::2, 5:] = np.nan
    lengths = make({"inputs": inputs, "targets": SIGNS}).validation_set().lengths
    assert lengths is not None
    assert set(lengths.tolist()) == {5, 8}
    inputs[1, 2] = np.nan
    with pytest.raises(TaskError, match="sequence 1, step 2"):
        make({"inputs": inputs, "targets": SIGNS})


def test_differences_use_the_step_before_a_cut(make: Make) -> None:
    arrays = {"inputs": INPUTS, "targets": SIGNS}
    shown = make(arrays, differences=True, normalise=False, sequence_length=3).validation_set().inputs
    changes = np.diff(INPUTS, axis=1, prepend=INPUTS[:, :1])
    rows = {row.astype(np.float32).tobytes() for row in changes[:, -3:]}
    assert all(row.numpy().tobytes() in rows for row in shown)
    whole = make(arrays, differences=True, normalise=False).validation_set().inputs
    assert (whole[:, 0] == 0).all()


def test_differences_of_a_series_lose_no_window(make: Make) -> None:
    values: dict[str, Any] = {"target": "forecasting", "sequence_length": 6, "normalise": False}
    level = make({"series": WAVE}, **values)
    changes = make({"series": WAVE}, differences=True, **values)
    assert changes.num_train == level.num_train
    shown, known = changes.validation_set(), level.validation_set()
    torch.testing.assert_close(shown.inputs[:, 1:], known.inputs.diff(dim=1), atol=1e-5, rtol=0)
    assert torch.equal(shown.targets, known.targets)
    assert any("task.forecast=change" in note for note in changes.notes)


@pytest.mark.parametrize("normalise", [True, False])
def test_a_change_is_asked_for_and_scored_as_the_level(make: Make, normalise: bool) -> None:
    values: dict[str, Any] = {
        "target": "forecasting", "sequence_length": 30, "horizon": 2, "normalise": normalise
    }  # fmt: skip
    series = np.stack([WAVE, 7 * RANDOM.normal(size=600).cumsum()], axis=1)
    level, change = (make({"series": series}, forecast=how, **values) for how in ("level", "change"))
    assert level.season == change.season == 12
    share = level.chance.metric / change.chance.metric
    assert normalise or share == pytest.approx(1)
    assert level.target_metric / change.target_metric == pytest.approx(share, rel=1e-4)
    for name, error in level.baseline_errors.items():
        assert error / change.baseline_errors[name] == pytest.approx(share, rel=1e-3), name
    # A network that finds the changes has an error of 0, one that finds none that of the last value.
    known, asked = level.validation_set(), change.validation_set()
    assert torch.equal(known.inputs, asked.inputs)
    scaled = (known.targets - known.inputs[:, -1:]) / share**0.5
    torch.testing.assert_close(scaled.diff(dim=0), asked.targets.diff(dim=0), atol=1e-3, rtol=1e-3)
    if normalise:
        assert change.target_moments == pytest.approx((0, 1), abs=1e-4)


def test_a_trend_lies_within_training_as_changes(make: Make) -> None:
    values: dict[str, Any] = {"target": "forecasting", "sequence_length": 14}
    level = make({"series": WAVE}, **values)
    assert (level.target_shift, level.input_shift) > (0.5, 0.5)
    assert level.mean_shift > 1.5
    changes = make({"series": WAVE}, forecast="change", differences=True, **values)
    assert max(changes.target_shift, changes.input_shift) < 0.05
    assert changes.mean_shift < 0.5


def test_codes_become_features_of_their_own(make: Make) -> None:
    codes = np.random.RandomState(1).choice([2, 5, 9], (400, 8))
    inputs = np.stack([INPUTS[:, :, 0], codes], axis=2)
    times = np.arange(400)
    codes[times >= 280] = 2
    inputs[times >= 280, :, 1] = 7
    task = make({"inputs": inputs, "targets": SIGNS, "times": times}, one_hot=1)
    assert task.input_size == 4
    batch = task.train_batch(0, 0, 280, 0.0).inputs
    assert set(batch[:, :, 1:].unique().tolist()) == {0.0, 1.0}
    assert (batch[:, :, 1:].sum(dim=2) == 1).all()
    assert (task.validation_set().inputs[:, :, 1:] == 0).all()
    assert any("feature 1" in note and "code 7" in note for note in task.notes)


def test_codes_of_a_series_stay_beside_its_changes(make: Make) -> None:
    series = np.stack([WAVE, np.arange(600) % 3], axis=1)
    values: dict[str, Any] = {"target": "forecasting", "sequence_length": 6, "one_hot": "1"}
    task = make({"series": series}, target_column=0, differences=True, forecast="change", **values)
    assert (task.input_size, task.output_size) == (4, 1)
    assert set(task.validation_set().inputs[:, :, 1:].unique().tolist()) == {0.0, 1.0}
    with pytest.raises(TaskError, match="1 is forecast"):
        make({"series": series}, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"one_hot": "0+7"}, "no feature 7"), ({"one_hot": 0}, "a code is a whole number")],
)
def test_what_is_no_code_is_refused(make: Make, values: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        make({"inputs": INPUTS, "targets": SIGNS}, **values)


def test_only_a_forecast_has_changes_as_targets() -> None:
    with pytest.raises(ValidationError, match=r"task\.forecast=change is a setting of"):
        ArrayFileConfig(path="my.npz", forecast="change")
