"""Checks of the user's own files name the setting that helps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from failmap.search.preflight.check import Subject
from failmap.search.preflight.data import input_scale
from failmap.search.preflight.files import codes, padding, season, shift, simple_forecasts
from tests.search.preflight.conftest import MakeSubject

RANDOM = np.random.RandomState(0)
INPUTS = RANDOM.normal(size=(600, 20, 2))
SIGNS = (INPUTS[:, :, 0].sum(1) > 0).astype(int)
LENGTHS = RANDOM.randint(4, 16, 600)
IS_STEP = (np.arange(20) < LENGTHS[:, None])[:, :, None]
STEPS = np.arange(1500)
NOISE = RANDOM.normal(size=1500)

MakeFile = Callable[..., Subject]


@pytest.fixture
def of_file(make_subject: MakeSubject, tmp_path: Path) -> MakeFile:
    """Makes a trial on arrays: sequences with targets, or a series with the history to show."""

    def make(arrays: dict[str, Any], **task: Any) -> Subject:
        path = tmp_path / "my.npz"
        np.savez(path, **arrays)
        task = {"name": "array_file", "path": str(path), "sequence_length": 0, **task}
        if "series" in arrays:
            task["target"] = "forecasting"
        return make_subject(task=task, model={"hidden_size": 4})

    return make


@pytest.mark.parametrize("value", [0.0, -1.0, "last"])
def test_padding_without_lengths_warns(of_file: MakeFile, value: float | str) -> None:
    last = np.take_along_axis(INPUTS, LENGTHS[:, None, None] - 1, axis=1)
    arrays = {"inputs": np.where(IS_STEP, INPUTS, last if value == "last" else value), "targets": SIGNS}
    finding = padding(of_file(arrays))
    assert (finding.status, finding.value) == ("warn", 1.0)
    assert finding.settings == ("task.padding=trim",)
    assert padding(of_file(arrays, padding="trim")).status == "pass"
    assert padding(of_file({**arrays, "lengths": LENGTHS})).status == "pass"


@pytest.mark.parametrize(
    "inputs", [INPUTS, (INPUTS > 2).astype(float), np.repeat(INPUTS[:, :5], 4, axis=1), INPUTS.round()]
)
def test_rare_events_and_slow_or_rounded_values_are_no_padding(of_file: MakeFile, inputs: np.ndarray) -> None:
    assert padding(of_file({"inputs": inputs, "targets": SIGNS})).status == "pass"


FEATURES: dict[str, tuple[np.ndarray, bool]] = {
    "shops": (RANDOM.choice([1, 2, 5, 7], (600, 20), p=[0.4, 0.1, 0.4, 0.1]), True),
    "tokens": (RANDOM.randint(0, 8, (600, 20)), True),
    "counts": (RANDOM.poisson(3, (600, 20)), False),
    "rounded": (np.abs(INPUTS[:, :, 1] * 3).round(), False),
    "levels": (np.clip(INPUTS[:, :, 1].cumsum(1).round() + 8, 0, 16), False),
    "flags": (RANDOM.randint(0, 2, (600, 20)), False),
    "measured": (INPUTS[:, :, 1], False),
    "hours": (np.broadcast_to(np.arange(20) % 12, (600, 20)), False),
}


@pytest.mark.parametrize("name", FEATURES)
def test_codes_are_told_from_counts_and_levels(of_file: MakeFile, name: str) -> None:
    values, are_codes = FEATURES[name]
    arrays = {"inputs": np.stack([INPUTS[:, :, 0], values], axis=2), "targets": SIGNS}
    finding = codes(of_file(arrays))
    assert finding.status == ("warn" if are_codes else "pass")
    assert finding.settings == (("task.one_hot=1",) if are_codes else ())


def test_codes_that_are_encoded_pass(of_file: MakeFile) -> None:
    arrays = {"inputs": np.stack([INPUTS[:, :, 0], FEATURES["tokens"][0]], axis=2), "targets": SIGNS}
    assert codes(of_file(arrays, one_hot="1")).status == "pass"


def test_codes_of_a_table_are_named(make_subject: MakeSubject, tmp_path: Path) -> None:
    table = pd.DataFrame({"v": NOISE, "shop": RANDOM.randint(0, 6, 1500)})
    table.to_csv(tmp_path / "my.csv", index=False)
    task = {
        "name": "array_file", "path": str(tmp_path / "my.csv"), "target": "forecasting",
        "target_column": "v", "sequence_length": 5,
    }  # fmt: skip
    assert codes(make_subject(task=task, model={"hidden_size": 4})).settings == ("task.one_hot=shop",)


def test_a_trend_warns_until_changes_are_shown_and_asked_for(of_file: MakeFile) -> None:
    arrays = {"series": 0.1 * STEPS + NOISE}
    finding = shift(of_file(arrays, sequence_length=6))
    assert (finding.status, finding.value) == ("warn", pytest.approx(1, abs=0.1))
    assert finding.settings == ("task.forecast=change", "task.differences=true")
    half = shift(of_file(arrays, sequence_length=6, forecast="change"))
    assert half.settings == ("task.differences=true",)
    whole = shift(of_file(arrays, sequence_length=6, forecast="change", differences=True))
    assert whole.status == "pass"


def test_other_ranges_of_sequences_warn(of_file: MakeFile) -> None:
    arrays = {"inputs": INPUTS + np.arange(600)[:, None, None], "targets": SIGNS, "times": np.arange(600)}
    finding = shift(of_file(arrays))
    assert finding.details["inputs outside"] > 0.9
    assert finding.settings == ("task.differences=true",)
    assert shift(of_file({"inputs": INPUTS, "targets": SIGNS})).status == "pass"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        (NOISE, "warn"),
        (NOISE.cumsum(), "warn"),
        (np.sin(STEPS / 24 * 2 * np.pi) + 0.1 * NOISE, "pass"),
        (NOISE[1:] + NOISE[:-1], "pass"),
    ],
)
def test_what_no_simple_forecast_beats_warns(of_file: MakeFile, values: np.ndarray, status: str) -> None:
    finding = simple_forecasts(of_file({"series": values}, sequence_length=12))
    assert finding.status == status
    assert (finding.value > 0.98) == (status == "warn")


def test_a_history_shorter_than_the_season_warns(of_file: MakeFile) -> None:
    arrays = {"series": np.sin(STEPS / 24 * 2 * np.pi) + 0.2 * NOISE}
    short, long = (season(of_file(arrays, sequence_length=steps)) for steps in (12, 24))
    assert (short.status, short.value, short.settings) == ("warn", 24, ("task.sequence_length=24",))
    assert long.status == "pass"


def test_raw_inputs_are_to_be_normalised(of_file: MakeFile) -> None:
    arrays = {"inputs": 100 * INPUTS, "targets": SIGNS}
    assert input_scale(of_file(arrays, normalise=False)).settings == ("task.normalise=true",)
    assert input_scale(of_file(arrays)).status == "pass"
