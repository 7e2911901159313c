"""Tables: a row for each step of each sequence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.prepare import read_file

ROWS = pd.DataFrame(
    {
        "sequence": ["b", "a", "b", "a", "b"],
        "step": [2, 1, 1, 2, 3],
        "time": ["2024-01-02", "2024-02-01", "2024-01-01", "2024-02-02", "2024-01-03"],
        "group": ["south", "north", "south", "north", "south"],
        "speed": [2.0, 10.0, 1.0, 20.0, 3.0],
        "load": [5, 6, 7, 8, 9],
        "target": [1, 0, 1, 0, 1],
    }
)


def read(tmp_path: Path, table: pd.DataFrame, suffix: str = "csv", **values: Any) -> Sequences | SeriesSet:
    path = tmp_path / f"my.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    return read_file(ArrayFileConfig(path=str(path), **values))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_become_ordered_sequences(tmp_path: Path, suffix: str) -> None:
    sequences = read(tmp_path, ROWS, suffix)
    assert isinstance(sequences, Sequences)
    assert sequences.features == ("speed", "load")
    assert sequences.lengths.tolist() == [3, 2]
    assert sequences.inputs[:, :, 0].tolist() == [[1, 2, 3], [10, 20, 0]]
    assert sequences.targets.tolist() == [1, 0]
    assert sequences.groups is not None
    assert sequences.groups[0] != sequences.groups[1]
    assert sequences.spans is not None
    (b_begins, b_ends), (a_begins, a_ends) = sequences.spans
    assert b_begins < b_ends < a_begins < a_ends


def test_a_target_at_every_step(tmp_path: Path) -> None:
    table = ROWS.assign(target=[0.2, 1.1, 0.1, 1.2, 0.3])
    sequences = read(tmp_path, table, target="regression", supervision="every_step")
    assert sequences.targets.tolist() == [[0.1, 0.2, 0.3], [1.1, 1.2, 0.0]]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    table = ROWS.rename(columns={"sequence": "ride", "target": "stopped", "group": "city"})
    sequences = read(tmp_path, table, sequence_column="ride", target_column="stopped", group_column="city")
    assert isinstance(sequences, Sequences)
    assert sequences.features == ("speed", "load")


def test_table_without_sequences_is_one_series(tmp_path: Path) -> None:
    table = ROWS[["time", "speed", "load"]]
    contents = read(tmp_path, table, target="forecasting", sequence_length=1, target_column="load")
    assert isinstance(contents, SeriesSet)
    (series,) = contents.series
    assert series.values[:, 0].tolist() == [7, 5, 9, 6, 8]
    assert (contents.features, contents.num_targets) == (("load", "speed"), 1)


def test_each_sequence_of_a_forecast_is_a_series(tmp_path: Path) -> None:
    table = ROWS[["sequence", "step", "speed", "load"]]
    contents = read(tmp_path, table, target="forecasting", sequence_length=1)
    assert isinstance(contents, SeriesSet)
    assert [one.values[:, 0].tolist() for one in contents.series] == [[1, 2, 3], [10, 20]]
    assert contents.num_targets == 2


MISTAKES: dict[str, tuple[pd.DataFrame, dict[str, Any], str]] = {
    "no sequence": (ROWS.rename(columns={"sequence": "sequenz"}), {}, "no column sequence .* mean sequenz"),
    "no target": (ROWS.drop(columns="target"), {}, "no column target for the target"),
    "named column": (ROWS, {"group_column": "grup"}, "task.group_column=grup: no such column; .* mean group"),
    "ignored column": (ROWS, {"ignored_columns": "lod"}, "no column lod; did you mean load"),
    "text": (
        ROWS.assign(note=list("aabbc")),
        {},
        "column note: holds text .*: make it numbers, or set task.ignored_columns=note",
    ),
    "text target": (
        ROWS.assign(target=list("xyxyx")),
        {"target": "regression"},
        "column target: holds text",
    ),
    "missing value": (
        ROWS.assign(speed=[1, 2, np.nan, 4, 5]),
        {},
        r"column speed: a missing value at row 2 \(1 in all",
    ),
    "missing time": (ROWS.assign(time=[None, *ROWS.time[1:]]), {}, "column time: a missing value at row 0"),
    "no time": (
        ROWS.assign(time=list("abcde")),
        {},
        "column time, row 0: 'a' is neither a number nor a time",
    ),
    "two rows at one step": (ROWS.assign(step=1), {}, "column step: 1 stands in rows 0 and 2 of sequence b"),
    "changing target": (
        ROWS.assign(target=[0, 0, 1, 0, 1]),
        {},
        "column target: differs within sequence b; .* task.supervision=every_step",
    ),
    "changing group": (ROWS.assign(group=list("abcde")), {}, "column group: differs within sequence"),
    "no rows": (ROWS[:0], {}, "the table has no rows"),
    "no features": (ROWS.drop(columns=["speed", "load"]), {}, "no column is left for the features"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_name_the_column(tmp_path: Path, mistake: str) -> None:
    table, values, message = MISTAKES[mistake]
    with pytest.raises(TaskError, match=message):
        read(tmp_path, table, **values)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00broken"])
def test_file_of_another_kind_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"my.{suffix}"
    path.write_bytes(content)
    with pytest.raises(TaskError, match="no table that can be read"):
        read_file(ArrayFileConfig(path=str(path)))


def test_text_labels_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    contents = read(tmp_path, ROWS.assign(target=["walk", "run", "walk", "run", "walk"]))
    assert contents.targets.tolist() == [1, 0]
    assert any("0 run, 1 walk" in note for note in contents.notes)


def test_what_was_read_is_reported(tmp_path: Path) -> None:
    summary = read(tmp_path, ROWS).notes[0]
    for part in ("5 rows", "2 sequences of 2 to 3 steps", "speed, load", "2024-01-01 to 2024-02-02"):
        assert part in summary
