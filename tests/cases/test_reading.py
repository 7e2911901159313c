"""Files that were misread without a word, or refused with a message that led away."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from failmap.datasets import build_task
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.task import Task
from failmap.run_folder.errors import UserError
from failmap.search.input_checks import check_files
from failmap.search.loading import load

FORECAST = ("task.target=forecasting", "task.sequence_length=12")


def task_of(path: Path, **values: Any) -> Task:
    return build_task(ArrayFileConfig(path=str(path), **values))


def forecast_of(path: Path, **values: Any) -> Task:
    return task_of(path, target="forecasting", sequence_length=12, **values)


def problems_of(path: Path, *words: str) -> tuple[str, ...]:
    """Return what a run with these words would be refused for."""
    with pytest.raises(UserError) as refusal:
        check_files(load(["task=array_file", f"task.path={path}", *words]))
    prefix = f"task.path={path}: "
    assert all(problem.startswith(prefix) for problem in refusal.value.problems)
    return tuple(problem.removeprefix(prefix) for problem in refusal.value.problems)


def test_index_column(inputs: Path) -> None:
    with_index, without = task_of(inputs / "with_index.csv"), task_of(inputs / "without_index.csv")
    assert with_index.input_size == without.input_size == 2
    assert (with_index.validation_set().inputs == without.validation_set().inputs).all()
    assert any("Unnamed: 0: left out" in note for note in with_index.notes)


def test_parquet_index(inputs: Path) -> None:
    index = forecast_of(inputs / "pq_index.parquet", time_column="time")
    column = forecast_of(inputs / "pq_shuffled.parquet", time_column="time")
    assert (index.validation_set().inputs == column.validation_set().inputs).all()


def test_named_column_that_is_missing(inputs: Path) -> None:
    (problem,) = problems_of(inputs / "tiny_noise.csv", *FORECAST, "task.time_column=time")
    assert problem.startswith("task.time_column=time: no such column")


def test_year_column(inputs: Path) -> None:
    task = forecast_of(inputs / "yearly.csv")
    assert (task.input_size, task.output_size) == (1, 1)
    assert any("YEAR: left out" in note and "task.time_column=YEAR" in note for note in task.notes)
    assert any("count is forecast" in note for note in task.notes)


def test_time_hint(inputs: Path) -> None:
    (problem,) = problems_of(inputs / "monthly.csv", *FORECAST)
    assert "task.time_column=Date" in problem


def test_doubled_time(inputs: Path) -> None:
    (problem,) = problems_of(inputs / "dst.csv", *FORECAST)
    assert "2024-10-27 02:00 stands in rows 50 and 51" in problem
    assert "sequence" not in problem


def test_one_bad_cell(inputs: Path) -> None:
    (problem,) = problems_of(inputs / "dot_missing.csv", *FORECAST)
    assert problem.startswith("column v, row 700: '.' is no number (1 of 1,200 rows")


def test_text_labels(inputs: Path) -> None:
    task = task_of(inputs / "str_labels.npz")
    assert task.output_size == 3
    assert any("0 run, 1 sit, 2 walk" in note for note in task.notes)


def test_semicolons(inputs: Path) -> None:
    semicolons, commas = task_of(inputs / "semicolon.csv"), task_of(inputs / "without_index.csv")
    assert np.allclose(semicolons.validation_set().inputs, commas.validation_set().inputs)
    assert any("semicolons" in note for note in semicolons.notes)


def test_padding_of_missing_values(inputs: Path) -> None:
    lengths = task_of(inputs / "nan_pad.npz").validation_set().lengths
    expected = task_of(inputs / "zero_pad_len.npz").validation_set().lengths
    assert lengths is not None
    assert expected is not None
    assert lengths.tolist() == expected.tolist()
