"""Separators and decimal signs are found as the file shows them, or the file is refused."""

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import SeriesSet
from failmap.datasets.files.prepare import read_file

DAYS = [str(day)[:10] for day in pd.date_range("2020-01-01", periods=112)]
VALUES = [(37 * number % 101) + number / 100 for number in range(len(DAYS))]


def read(path: Path, lines: list[str], **values: Any) -> SeriesSet:
    path.write_text("\n".join(lines) + "\n")
    config = ArrayFileConfig(path=str(path), target="forecasting", sequence_length=4, **values)
    contents = read_file(config)
    assert isinstance(contents, SeriesSet)
    return contents


def lines_of(separator: str, decimal: str, header: str = "time{}v{}w") -> list[str]:
    written = [f"{value:.2f}".replace(".", decimal) for value in VALUES]
    cells = [f'"{text}"' if separator == decimal else text for text in written]
    rows = [
        separator.join((day, cell, cells[-1 - row]))
        for row, (day, cell) in enumerate(zip(DAYS, cells, strict=True))
    ]
    return [header.format(separator, separator), *rows]


@pytest.mark.parametrize(
    ("separator", "decimal"), [(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", "."), (",", ",")]
)
def test_numbers_are_read_as_they_are_written(tmp_path: Path, separator: str, decimal: str) -> None:
    contents = read(tmp_path / "my.csv", lines_of(separator, decimal))
    assert contents.features == ("v", "w")
    assert contents.series[0].values[:, 0].tolist() == VALUES
    told = [note for note in contents.notes if "my.csv:" in note]
    assert bool(told) == ((separator, decimal) != (",", "."))


def test_a_semicolon_beside_a_decimal_comma_is_no_column_of_cents(tmp_path: Path) -> None:
    rows = [f"{day};{number},{number % 90 + 10}" for number, day in enumerate(DAYS)]
    contents = read(tmp_path / "my.csv", ["time;close", *rows])
    assert contents.features == ("close",)
    assert contents.series[0].values[37, 0] == 37.47


def test_files_may_be_compressed_or_separated_by_tabs(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "my.csv.gz", "wt") as file:
        file.write("\n".join(lines_of(",", ".")))
    config = ArrayFileConfig(path=str(tmp_path / "my.csv.gz"), target="forecasting", sequence_length=4)
    contents = read_file(config)
    assert isinstance(contents, SeriesSet)
    assert contents.series[0].values[:, 0].tolist() == VALUES
    assert read(tmp_path / "my.tsv", lines_of("\t", ".")).series[0].values[:, 0].tolist() == VALUES


def test_settings_decide_where_the_file_is_ambiguous(tmp_path: Path) -> None:
    rows = [f'{day},"1,{(number * 37) % 101:03d}"' for number, day in enumerate(DAYS)]
    lines = ["time,v", *rows]
    with pytest.raises(TaskError, match=r"task\.decimal=point .* task\.decimal=comma"):
        read(tmp_path / "my.csv", lines)
    assert read(tmp_path / "my.csv", lines, decimal="point").series[0].values[1, 0] == 1037
    assert read(tmp_path / "my.csv", lines, decimal="comma").series[0].values[1, 0] == 1.037


def test_thousands_may_be_grouped(tmp_path: Path) -> None:
    rows = [f"{day};{number % 7 + 1}.{(number * 37) % 101:03d},5" for number, day in enumerate(DAYS)]
    contents = read(tmp_path / "my.csv", ["time;v", *rows])
    assert contents.series[0].values[1, 0] == 2037.5


def test_a_separator_may_be_named(tmp_path: Path) -> None:
    lines = [line.replace(",", " ") for line in lines_of(",", ".")]
    assert read(tmp_path / "my.csv", lines, separator="space").features == ("v", "w")


MISTAKES = {
    "no names": (["1.5,2", "3,4", "5,6"], "the first line holds numbers"),
    "a line before the header": (["made by hand", "time,v", "1,2", "2,3"], "line 2 has 2 fields"),
    "cents become a column": (["v", "1,5", "2,5"], r"line 2 has 2 fields .* task\.decimal=comma"),
    "a long line": (["time,v", *[f"{row},1" for row in range(900)], "900,1,2"], "line 902 has 3 fields"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_lines_that_do_not_fit_are_refused(tmp_path: Path, mistake: str) -> None:
    lines, message = MISTAKES[mistake]
    with pytest.raises(TaskError, match=message):
        read(tmp_path / "my.csv", lines)
