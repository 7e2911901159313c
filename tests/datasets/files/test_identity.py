"""Columns that tell which row, sequence or group a value is from are no features without the user's word."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.prepare import read_file

NUM, STEPS = 120, 5
RANDOM = np.random.RandomState(0)
NOISE = RANDOM.normal(size=(NUM, STEPS, 2))
LABELS = np.repeat([0, 1, 2], NUM // 3)
ROWS = np.repeat(np.arange(NUM), STEPS)
TABLE = pd.DataFrame(
    {
        "sequence": ROWS,
        "step": np.tile(np.arange(STEPS), NUM),
        "a": NOISE[..., 0].ravel(),
        "target": LABELS[ROWS],
    }
)
BLOCKS = np.arange(NUM) // 6
#: Values of each sequence, by what they are.
IDS: dict[str, Any] = {
    "number of a sequence": np.arange(NUM),
    "shuffled numbers": RANDOM.permutation(NUM) * 7,
    "begin of a recording": np.cumsum(RANDOM.rand(NUM)),
    "names": [f"ride {number}" for number in range(NUM)],
}
ROW_IDS: dict[str, Any] = {
    "row": np.arange(NUM * STEPS),
    "shuffled row": RANDOM.permutation(NUM * STEPS),
    "seconds": 0.02 * np.arange(NUM * STEPS) + 17,
    "uneven seconds": np.arange(NUM * STEPS) + 0.5 * RANDOM.rand(NUM * STEPS),
    "file names": [f"frame_{number}.png" for number in range(NUM * STEPS)],
}
GROUPS: dict[str, Any] = {
    "patient": BLOCKS,
    "patient in any order": RANDOM.permutation(BLOCKS),
    "weight of a patient": RANDOM.normal(70, 9, NUM // 6)[BLOCKS],
    "name": [f"p{number}" for number in BLOCKS],
    "level of a class": (0.5 + LABELS + 0.125 * RANDOM.randint(0, 4, NUM)),
}
COVARIATES: dict[str, Any] = {
    "weight": RANDOM.normal(70, 9, NUM).round(1),
    "sex": RANDOM.randint(0, 2, NUM),
    "temperature": 36 + 0.1 * RANDOM.permutation(NUM) / 3 + RANDOM.rand(NUM),
}


def read(tmp_path: Path, table: pd.DataFrame, **values: Any) -> Sequences:
    table.to_csv(tmp_path / "my.csv", index=False)
    contents = read_file(ArrayFileConfig(path=str(tmp_path / "my.csv"), **values))
    assert isinstance(contents, Sequences)
    return contents


@pytest.mark.parametrize("kind", [*IDS, *ROW_IDS])
@pytest.mark.parametrize("is_shuffled", [False, True])
def test_ids_and_counters_are_left_out(tmp_path: Path, kind: str, is_shuffled: bool) -> None:
    values = np.asarray(IDS[kind])[ROWS] if kind in IDS else ROW_IDS[kind]
    table = TABLE.assign(what=values)
    if is_shuffled and kind != "begin of a recording":
        table = table.sample(frac=1, random_state=0)
    contents = read(tmp_path, table)
    assert contents.features == ("a",)
    assert any("column what: left out" in note for note in contents.notes)


def test_a_nameless_column_that_counts_rows_is_left_out(tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "my.csv")
    contents = read_file(ArrayFileConfig(path=str(tmp_path / "my.csv")))
    assert isinstance(contents, Sequences)
    assert contents.features == ("a",)


def test_what_is_left_out_can_be_kept(tmp_path: Path) -> None:
    contents = read(tmp_path, TABLE.assign(serial=ROWS), kept_columns="serial")
    assert contents.features == ("a", "serial")


@pytest.mark.parametrize("kind", GROUPS)
def test_groups_are_asked_about(tmp_path: Path, kind: str) -> None:
    table = TABLE.assign(what=np.asarray(GROUPS[kind])[ROWS])
    with pytest.raises(TaskError, match=r"task\.group_column=what"):
        read(tmp_path, table)
    grouped = read(tmp_path, table, group_column="what")
    assert grouped.features == ("a",)
    assert grouped.groups is not None
    assert len(np.unique(grouped.groups)) == len(set(GROUPS[kind]))
    if kind != "name":
        assert read(tmp_path, table, group_column="none").features == ("a", "what")


@pytest.mark.parametrize("kind", COVARIATES)
def test_covariates_are_features(tmp_path: Path, kind: str) -> None:
    contents = read(tmp_path, TABLE.assign(what=np.asarray(COVARIATES[kind])[ROWS]))
    assert contents.features == ("a", "what")
    assert contents.groups is None


def test_all_groups_are_asked_about_at_once(tmp_path: Path) -> None:
    table = TABLE.assign(patient=BLOCKS[ROWS], ward=(BLOCKS % 4)[ROWS])
    with pytest.raises(TaskError) as refusal:
        read(tmp_path, table)
    assert len(refusal.value.problems) == 2


def test_features_of_arrays_are_judged_alike(tmp_path: Path) -> None:
    def whole(values: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(values)[:, None, None], (NUM, STEPS, 1))

    path, counter = tmp_path / "my.npz", np.arange(NUM * STEPS).reshape(NUM, STEPS, 1)
    np.savez(path, inputs=np.concatenate([NOISE, counter, whole(np.arange(NUM))], axis=2), targets=LABELS)
    contents = read_file(ArrayFileConfig(path=str(path)))
    assert contents.features == ("0", "1")

    grouped = np.concatenate([NOISE, whole(BLOCKS)], axis=2)
    np.savez(path, inputs=grouped, targets=LABELS)
    with pytest.raises(TaskError, match=r"feature 2: .*task\.group_column=none"):
        read_file(ArrayFileConfig(path=str(path)))
    assert read_file(ArrayFileConfig(path=str(path), group_column="none")).features == ("0", "1", "2")
    np.savez(path, inputs=grouped, targets=LABELS, groups=BLOCKS)
    assert read_file(ArrayFileConfig(path=str(path))).features == ("0", "1", "2")


WAVE = 50 + 45 * np.sin(np.arange(300) / 3.5) + RANDOM.normal(size=300)
MONTHS = pd.date_range("1960-01-01", periods=300, freq="MS")
CALENDAR: dict[str, Any] = {
    "year": np.arange(1700, 2000),
    "years with gaps": np.delete(np.arange(1700, 2020), np.arange(3, 320, 16)),
    "year of a month": MONTHS.year,
    "decimal year": (1960 + np.arange(300) / 12).round(3),
    "seconds": 1_600_000_000 + 60 * np.arange(300),
    "downwards": np.arange(300, 0, -1),
}


def forecast(tmp_path: Path, table: pd.DataFrame, **values: Any) -> SeriesSet:
    table.to_csv(tmp_path / "my.csv", index=False)
    contents = read_file(
        ArrayFileConfig(path=str(tmp_path / "my.csv"), target="forecasting", sequence_length=5, **values)
    )
    assert isinstance(contents, SeriesSet)
    return contents


@pytest.mark.parametrize("kind", CALENDAR)
def test_counters_are_not_forecast(tmp_path: Path, kind: str) -> None:
    contents = forecast(tmp_path, pd.DataFrame({"what": CALENDAR[kind], "v": WAVE}))
    assert (contents.features, contents.num_targets) == (("v",), 1)
    offered = any("task.time_column=what" in note for note in contents.notes)
    assert offered == (kind != "year of a month")


def test_months_and_measurements_are_forecast(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"month": MONTHS.month, "v": WAVE, "trend": np.arange(300) + RANDOM.normal(size=300)}
    )
    contents = forecast(tmp_path, table)
    assert contents.features == ("month", "v", "trend")
    assert any("month, v, trend are forecast" in note for note in contents.notes)


def test_a_counter_that_is_the_target_is_forecast(tmp_path: Path) -> None:
    table = pd.DataFrame({"what": CALENDAR["year"], "v": WAVE})
    assert forecast(tmp_path, table, target_column="what").features == ("what", "v")
