"""Times of rows: order, gaps, doubled times, and what is offered for columns of dates."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.prepare import prepare, read_file

HOURS = pd.date_range("2024-01-01", periods=400, freq="h")
VALUES = np.random.RandomState(0).normal(size=400)
SERIES = pd.DataFrame({"time": HOURS, "v": VALUES})


def config_of(tmp_path: Path, table: pd.DataFrame, suffix: str = "csv", **values: Any) -> ArrayFileConfig:
    path = tmp_path / f"my.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return ArrayFileConfig(path=str(path), target="forecasting", sequence_length=5, **values)


def read(tmp_path: Path, table: pd.DataFrame, suffix: str = "csv", **values: Any) -> SeriesSet:
    contents = read_file(config_of(tmp_path, table, suffix, **values))
    assert isinstance(contents, SeriesSet)
    return contents


def problems_of(tmp_path: Path, table: pd.DataFrame, **values: Any) -> tuple[str, ...]:
    with pytest.raises(TaskError) as refusal:
        read(tmp_path, table, **values)
    return refusal.value.problems


def test_no_window_crosses_a_gap(tmp_path: Path) -> None:
    gappy = SERIES.assign(v=np.arange(400.0) ** 1.01).drop(index=[100, *range(200, 230)])
    prepared = prepare(config_of(tmp_path, gappy, normalise=False))
    for part in (prepared.train, prepared.validation, prepared.test):
        batch = part.all()
        steps = np.diff(np.concatenate([batch.inputs[:, :, 0], batch.targets.reshape(-1, 1)], axis=1))
        assert steps.max() < 1.1, "all windows are hours in a row"
    assert any("2 gaps" in note and "31 hours" in note for note in prepared.notes)


def test_pieces_of_one_series_are_one_group(tmp_path: Path) -> None:
    stores = pd.concat([SERIES.assign(sequence=name) for name in "abcdefgh"]).reset_index(drop=True)
    contents = read(tmp_path, stores.drop(index=[30, 31, 500, 900]))
    assert [one.group for one in contents.series] == [0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7]
    with pytest.raises(TaskError, match=r"task\.split=group: the file has no groups"):
        prepare(config_of(tmp_path, SERIES.drop(index=[30]), split="group"))


@pytest.mark.parametrize("freq", ["B", "MS", "YS", "15min"])
def test_calendars_have_no_gaps(tmp_path: Path, freq: str) -> None:
    times = pd.date_range("1900-01-01", periods=120, freq=freq)
    contents = read(tmp_path, pd.DataFrame({"time": times, "v": VALUES[:120]}))
    assert len(contents.series) == 1
    assert any("irregular" in note for note in contents.notes) == (freq == "B")


def test_the_index_of_a_parquet_file_is_read(tmp_path: Path) -> None:
    shuffled = SERIES.sample(frac=1, random_state=0)
    for table in (shuffled, shuffled.set_index("time"), shuffled.set_index("time").rename_axis(None)):
        contents = read(tmp_path, table, "parquet")
        assert contents.features == ("v",)
        assert contents.series[0].values[:, 0].tolist() == VALUES.tolist()


@pytest.mark.parametrize("key", ["time_column", "step_column", "sequence_column", "group_column"])
def test_a_column_that_is_named_must_be_there(tmp_path: Path, key: str) -> None:
    name = key.removesuffix("_column")
    table = SERIES.drop(columns="time")
    assert len(read(tmp_path, table).series) == 1
    assert problems_of(tmp_path, table, **{key: name})[0].startswith(f"task.{key}={name}: no such column")


def test_runs_that_stored_the_names_of_missing_columns_still_read(tmp_path: Path) -> None:
    stored = {f"{name}_column": name for name in ("sequence", "step", "time", "group")}
    table = SERIES.drop(columns="time")
    assert len(read(tmp_path, table, **stored).series) == 1


@pytest.mark.parametrize(
    ("written", "offer"),
    [
        ("%Y-%m", "task.time_column=Date"),
        ("%d.%m.%Y", "task.time_column=Date task.time_format=%d.%m.%Y"),
        ("%Y%m%d", "task.time_column=Date task.time_format=%Y%m%d"),
        ("%m/%d/%Y", "task.time_column=Date task.time_format=%m/%d/%Y"),
    ],
)
def test_dates_are_offered_as_time(tmp_path: Path, written: str, offer: str) -> None:
    freq = "MS" if written == "%Y-%m" else "D"
    times = pd.date_range("1990-01-01", periods=400, freq=freq)
    table = pd.DataFrame({"Date": times.strftime(written), "v": VALUES})
    (problem,) = problems_of(tmp_path, table)
    assert offer in problem
    settings = dict(setting.removeprefix("task.").split("=") for setting in offer.split())
    (series,) = read(tmp_path, table, **settings).series
    assert series.times is not None
    assert series.times.tolist() == times.as_unit("ns").asi8.tolist()


def test_a_format_that_is_missing_is_named(tmp_path: Path) -> None:
    table = pd.DataFrame({"time": HOURS.strftime("%d/%m/%Y %H:%M"), "v": VALUES})
    (problem,) = problems_of(tmp_path, table)
    assert "task.time_format=%d/%m/%Y %H:%M" in problem
    assert "'01/01/2024 00:00'" in problem


def test_doubled_times_are_told_as_times(tmp_path: Path) -> None:
    local = pd.date_range("2024-10-25", periods=400, freq="h", tz="Europe/Berlin").tz_localize(None)
    (problem,) = problems_of(tmp_path, SERIES.assign(time=local))
    assert "2024-10-27 02:00 stands in rows 50 and 51" in problem
    assert "sequence" not in problem


@pytest.mark.parametrize("names", ["abc", (1, 2, 3)])
def test_several_series_in_one_file_are_offered(tmp_path: Path, names: Any) -> None:
    table = pd.concat([SERIES.assign(store=name) for name in names]).sort_values("time")
    (problem,) = problems_of(tmp_path, table)
    assert "task.sequence_column=store" in problem
    assert len(read(tmp_path, table, sequence_column="store").series) == 3


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    table = SERIES.assign(
        a=SERIES.v.mask(SERIES.index == 7),
        b=SERIES.v.round(2).astype(str).mask(SERIES.index == 70, "."),
        c="x",
        time=SERIES.time.astype(str).mask(SERIES.index == 5, "noon"),
    )
    problems = problems_of(tmp_path, table)
    assert [problem.split(":")[0] for problem in problems] == [
        "column time, row 5", "column a", "column b, row 70", "column c",
    ]  # fmt: skip
    assert "'.' is no number (1 of 400 rows" in problems[2]


def test_rows_of_a_sequence_stand_together_or_have_an_order(tmp_path: Path) -> None:
    table = pd.DataFrame({"sequence": [0, 1] * 20, "v": VALUES[:40], "target": [0, 1] * 20})
    path = tmp_path / "my.csv"
    table.to_csv(path, index=False)
    with pytest.raises(TaskError, match=r"row 2.*task\.step_column=NAME"):
        read_file(ArrayFileConfig(path=str(path)))
    table.assign(step=np.arange(40)[::-1]).to_csv(path, index=False)
    contents = read_file(ArrayFileConfig(path=str(path)))
    assert isinstance(contents, Sequences)
    assert contents.inputs[0, :, 0].tolist() == VALUES[:40:2][::-1].tolist()
    assert any("do not stand together" in note for note in contents.notes)


def test_gaps_in_steps_are_gaps(tmp_path: Path) -> None:
    table = pd.DataFrame({"step": np.arange(400), "v": VALUES}).drop(index=range(100, 150))
    contents = read(tmp_path, table)
    assert [len(one.values) for one in contents.series] == [100, 250]
    assert all(one.times is None for one in contents.series)
    back = table.assign(time=-np.arange(350))
    assert "column time: -1 in row 1 is not after" in problems_of(tmp_path, back)[0]


def test_days_written_as_numbers_are_days(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=400).strftime("%Y%m%d").astype(int)
    contents = read(tmp_path, pd.DataFrame({"time": days, "v": VALUES}))
    assert len(contents.series) == 1
    assert any("a step each 1 day" in note for note in contents.notes)
