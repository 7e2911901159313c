"""Guards against luck: what is refused, what runs with a note, and that each way out which is named works."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from failmap.datasets import build_task
from failmap.datasets.array_file import ArrayFile
from failmap.run_folder.errors import UserError
from failmap.search.input_checks import check_files, trials_of_tasks
from failmap.search.loading import load

FORECAST = ("task.target=forecasting", "task.sequence_length=12")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("guards")
    random = np.random.default_rng(0)
    months = np.arange(144)
    dates = pd.date_range("1949-01-01", periods=144, freq="MS").strftime("%Y-%m")
    count = (100 + 2.5 * months) * (1 + 0.2 * np.sin(months / 12 * 2 * np.pi))
    pd.DataFrame({"Date": dates, "count": count}).to_csv(path / "monthly.csv", index=False)
    pd.DataFrame({"v": random.normal(size=104)}).to_csv(path / "tiny_noise.csv", index=False)
    pd.DataFrame({"v": random.normal(size=1000)}).to_csv(path / "noise.csv", index=False)
    inputs = random.normal(size=(4000, 12, 2))
    sums = inputs[:, :, 0].sum(1)
    np.savez(path / "imbalanced.npz", inputs=inputs, targets=sums > np.quantile(sums, 0.95))
    for size in (50, 100, 200):
        classes = sums[:size] > np.median(sums[:size])
        np.savez(path / f"classes_{size}.npz", inputs=inputs[:size], targets=classes)
        np.savez(path / f"numbers_{size}.npz", inputs=inputs[:size], targets=sums[:size])
        rare = np.arange(size) % 16 == 0
        np.savez(path / f"rare_{size}.npz", inputs=inputs[:size], targets=rare)
    return path


def check(path: Path, *words: str) -> list[str]:
    """Return the notes on a file that passes."""
    config = load(["task=array_file", f"task.path={path}", "model.depth=1", "model.hidden_size=16", *words])
    check_files(config)
    task = build_task(next(trials_of_tasks(config.space)).task)
    assert isinstance(task, ArrayFile)
    return list(task.notes)


def refusal(path: Path, *words: str) -> str:
    with pytest.raises(UserError) as error:
        check(path, *words)
    (problem,) = error.value.problems
    return problem


REFUSED = {
    "monthly.csv": (*FORECAST, "task.time_column=Date"),
    "tiny_noise.csv": ("task.target=forecasting", "task.sequence_length=8"),
    "rare_200.npz": (),
    "numbers_200.npz": ("task.target=regression", "task.test_size=8"),
    "classes_100.npz": ("criterion.score=0.3",),
}


@pytest.mark.parametrize("name", REFUSED)
def test_too_few_are_refused_with_ways_that_work(folder: Path, name: str) -> None:
    problem = refusal(folder / name, *REFUSED[name])
    assert "validation" in problem
    ways = re.findall(r"(?:task|criterion)\.\w+=[\w.]+", problem.rpartition("; ")[2])
    assert ways
    for way in ways:
        key = way.partition("=")[0]
        # A share replaces a size.
        kept = [word for word in REFUSED[name] if not word.startswith((key, "task.test_size="))]
        check(folder / name, *kept, way)


@pytest.mark.parametrize("size", [50, 100])
def test_no_way_is_named_where_there_is_none(folder: Path, size: int) -> None:
    problem = refusal(folder / f"rare_{size}.npz")
    assert not re.findall(r"(?:task|criterion)\.\w+=", problem.rpartition("; ")[2])


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1", "auroc"])
def test_rare_labels_run_where_there_are_enough(folder: Path, metric: str) -> None:
    notes = check(folder / "imbalanced.npz", f"task.metric={metric}")
    assert any("task.class_weights=balanced" in note for note in notes) == (metric == "accuracy")


@pytest.mark.parametrize("size", [50, 100, 200])
@pytest.mark.parametrize("words", [("classes",), ("numbers", "task.target=regression")])
def test_small_sets_run_with_a_note(folder: Path, size: int, words: tuple[str, ...]) -> None:
    kind, *settings = words
    notes = check(folder / f"{kind}_{size}.npz", *settings)
    assert any(re.match(r"24 validation sequences.* stands for .* \(95 %\)", note) for note in notes)


def test_windows_with_common_targets_count_once(folder: Path) -> None:
    wide = ("task.target=forecasting", "task.sequence_length=8")
    assert not any("without a common target" in note for note in check(folder / "noise.csv", *wide))
    problem = refusal(folder / "noise.csv", *wide, "task.horizon=20")
    assert "73 validation windows (4 without a common target" in problem
