"""The user's own arrays as a task."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from failmap.datasets import build_task
from failmap.datasets.array_file import ArrayFile
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError

RANDOM = np.random.RandomState(0)
INPUTS = RANDOM.normal(5, 3, (400, 8, 2))
SIGNS = (INPUTS.mean((1, 2)) > 5).astype(int)

Make = Callable[..., ArrayFile]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes arrays and builds their task."""

    def build(arrays: dict[str, Any], **values: Any) -> ArrayFile:
        np.savez(tmp_path / "my.npz", **arrays)
        task = build_task(ArrayFileConfig(path=str(tmp_path / "my.npz"), **values))
        assert isinstance(task, ArrayFile)
        task.unseal()
        return task

    return build


def test_classes_are_numbered_from_0(make: Make) -> None:
    task = make({"inputs": INPUTS, "targets": SIGNS * 2 - 1})
    assert (task.input_size, task.output_size, task.num_steps) == (2, 2, 8)
    assert set(task.validation_set().targets.tolist()) == {0, 1}
    assert any("labels -1, 1" in note for note in task.notes)


def test_an_epoch_shows_each_training_sequence_once(make: Make) -> None:
    task = make({"inputs": INPUTS, "targets": SIGNS})
    assert task.num_train == 280
    epochs = [task.train_batch(3, update, 70, 0.0).inputs for update in range(8)]
    first, second = ({row.numpy().tobytes() for row in torch.cat(part)} for part in (epochs[:4], epochs[4:]))
    assert len(first) == 280
    assert first == second
    assert not torch.equal(torch.cat(epochs[:4]), torch.cat(epochs[4:]))


def test_no_two_sets_share_a_sequence(make: Make) -> None:
    copied = np.concatenate([INPUTS, INPUTS[:200]])
    task = make({"inputs": copied, "targets": np.concatenate([SIGNS, SIGNS[:200]])})
    assert task.num_train is not None
    sets = [task.train_batch(0, 0, task.num_train, 0.0), task.validation_set(), task.test_set()]
    shown = [{row.numpy().tobytes() for row in part.inputs} for part in sets]
    assert sum(map(len, shown)) == len(set.union(*shown)) == 400
    assert any("200 sequences are copies" in note for note in task.notes)


def test_training_features_are_standardised(make: Make) -> None:
    task = make({"inputs": INPUTS * [1, 1000], "targets": SIGNS})
    steps = task.train_batch(0, 0, 280, 0.0).inputs.flatten(0, 1).double()
    torch.testing.assert_close(steps.mean(0), torch.zeros(2).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(steps.std(0, correction=0), torch.ones(2).double(), atol=1e-5, rtol=0)


def test_held_out_sequences_do_not_affect_training(make: Make) -> None:
    arrays: dict[str, Any] = {"inputs": INPUTS, "targets": SIGNS, "times": np.arange(400)}
    before = make(arrays).train_batch(0, 0, 280, 0.0)
    changed = INPUTS.copy()
    changed[280:] *= 100
    after = make({**arrays, "inputs": changed}).train_batch(0, 0, 280, 0.0)
    assert torch.equal(before.inputs, after.inputs)


def test_normalisation_can_be_turned_off(make: Make) -> None:
    task = make({"inputs": INPUTS, "targets": SIGNS * 1.5}, target="regression", normalise=False)
    rows = {row.astype(np.float32).tobytes() for row in INPUTS}
    assert all(row.numpy().tobytes() in rows for row in task.validation_set().inputs)
    assert task.target_range == (0.0, 1.5)


def test_constant_feature_is_noted_and_becomes_0(make: Make) -> None:
    task = make({"inputs": INPUTS * [1, 0] + [0, 0.1], "targets": SIGNS})
    assert "feature 1 is always 0.1 in training" in task.notes
    assert task.validation_set().inputs[..., 1].abs().max() < 1e-6


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), cropped=st.sampled_from([0, 3, 8]), batch_size=st.integers(1, 40))
def test_ragged_lengths_are_kept(make: Make, seed: int, cropped: int, batch_size: int) -> None:
    lengths = np.random.RandomState(seed).randint(1, 9, 400)
    lengths[0] = 8
    # Each step holds its sequence's number, each label what is left from it to the end.
    numbers = np.broadcast_to(np.arange(1.0, 401)[:, None, None], (400, 8, 1))
    left = np.maximum(lengths[:, None] - np.arange(8), 0)
    task = make(
        {"inputs": numbers, "targets": left, "lengths": lengths},
        target="regression",
        supervision="every_step",
        sequence_length=cropped,
        normalise=False,
    )
    longest = cropped or 8
    assert task.num_steps == longest
    for batch in (task.train_batch(seed, 0, batch_size, 0.0), task.validation_set(), task.test_set()):
        assert batch.lengths is not None
        assert batch.inputs.shape[1] == batch.lengths.max()
        numbers_shown, kept = batch.inputs[..., 0].numpy(), batch.lengths.numpy()
        assert (kept == np.minimum(lengths[numbers_shown[:, 0].astype(int) - 1], longest)).all()
        steps = np.arange(batch.inputs.shape[1])
        is_step = steps < kept[:, None]
        assert (numbers_shown == np.where(is_step, numbers_shown[:, :1], 0)).all()
        assert (batch.targets.numpy() == np.where(is_step, kept[:, None] - steps, 0)).all(), "the last steps"


def test_chance_is_the_best_constant_whatever_drifts(make: Make) -> None:
    drifting = np.arange(400.0)
    task = make({"inputs": INPUTS, "targets": drifting, "times": drifting}, target="regression")
    targets = task.validation_set().targets.double()
    assert task.chance.metric == pytest.approx(targets.var(correction=0).item())
    assert task.target_metric < task.chance.metric
    rare = make({"inputs": INPUTS, "targets": abs(drifting - 200) >= 100, "times": drifting})
    assert rare.chance.metric == 0.5, "a third are ones in training, a half in validation"


def test_targets_are_in_units_of_training(make: Make) -> None:
    task = make({"inputs": INPUTS, "targets": INPUTS.sum((1, 2))}, target="regression")
    assert task.target_moments == pytest.approx((0, 1), abs=1e-6)
    low, high = task.target_range
    assert low < 0 < high
    assert task.perfect_metric == 0


def test_forecast_continues_its_history(make: Make) -> None:
    series = np.stack([np.arange(500.0), -np.arange(500.0)], axis=1)
    task = make({"series": series}, target="forecasting", sequence_length=6, horizon=3, normalise=False)
    for batch in (task.train_batch(0, 0, 16, 0.0), task.validation_set(), task.test_set()):
        assert batch.inputs.shape[1:] == (6, 2)
        assert batch.targets.shape[1:] == (3, 2)
        assert (torch.cat([batch.inputs, batch.targets], dim=1).diff(dim=1).abs() == 1).all()
    (repeating,) = task.partial_solutions
    assert repeating.metric == pytest.approx((1 + 4 + 9) / 3)
    assert task.target_metric < repeating.metric


def test_one_feature_of_a_forecast_may_be_asked_for(make: Make) -> None:
    series = np.stack([np.arange(500.0), RANDOM.normal(size=500)], axis=1)
    task = make({"series": series}, target="forecasting", sequence_length=6, horizon=3, target_column=0)
    assert (task.input_size, task.output_size) == (2, 1)
    assert task.validation_set().targets.shape[1:] == (3,)


def test_train_size_does_not_change_other_parts(make: Make) -> None:
    arrays = {"inputs": INPUTS, "targets": SIGNS}
    whole, part = make(arrays, normalise=False), make(arrays, normalise=False, train_size=40)
    assert part.num_train == 40
    assert torch.equal(whole.validation_set().inputs, part.validation_set().inputs)
    with pytest.raises(TaskError, match=r"task\.train_size=281: 280 are left for training"):
        make(arrays, train_size=281)


def test_note_on_sequences_alike_after_cutting(make: Make) -> None:
    inputs = RANDOM.randint(0, 2, (400, 12))
    assert not [note for note in make({"inputs": inputs, "targets": SIGNS}).notes if "alike" in note]
    task = make({"inputs": inputs, "targets": SIGNS}, sequence_length=2)
    assert any("40 of 40 validation inputs" in note and "2 steps" in note for note in task.notes)


def test_few_test_sequences_are_noted(make: Make) -> None:
    task = make({"inputs": INPUTS, "targets": SIGNS})
    assert re.findall(r"\d+", task.notes[0]) == ["280", "40", "80"]
    assert any(note.startswith("80 test sequences") for note in task.notes)


MISTAKES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "one class": ({"targets": np.ones(400)}, {}, "all 400 labels are 1: there is nothing to tell apart"),
    "shares as classes": ({"targets": RANDOM.rand(400)}, {}, r"is no whole number.*task\.target=regression"),
    "one class in training": (
        {"targets": np.arange(400) > 300, "times": np.arange(400)},
        {},
        "all labels left for training are 0",
    ),
    "one number": (
        {"targets": np.ones(400)},
        {"target": "regression"},
        "targets: all 280 for training are 1",
    ),
    "too long": ({"targets": SIGNS}, {"sequence_length": 9}, "the longest sequence has 8 steps"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_useless_files_are_refused(make: Make, mistake: str) -> None:
    arrays, values, message = MISTAKES[mistake]
    with pytest.raises(TaskError, match=message):
        make({"inputs": INPUTS, **arrays}, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"path": "my.xlsx"}, r"must end in \.npz, \.csv"),
        ({"target": "forecasting"}, r"task\.sequence_length: is missing"),
        (
            {"target": "forecasting", "sequence_length": 3, "supervision": "every_step"},
            "a forecast is made once",
        ),
        ({"horizon": 3}, r"task\.horizon=3 is a setting of task\.target=forecasting only"),
    ],
)
def test_contradictory_settings_are_refused_before_reading(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ArrayFileConfig(**{"path": "my.npz", **values})
