"""python -m search.forecast: words in, a map on the terminal and forecast.json in the run's folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from failmap.analysis.errors import UserError
from failmap.analysis.storage import write_atomically
from failmap.analysis.theory.forecast import read_forecast
from failmap.search.forecast.__main__ import main
from failmap.search.loading import load, to_yaml

WORDS = ["space=lstm_depth", "task.sequence_length=4,8", "model.depth=1,2", "model.hidden_size=4,8"]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """A folder with the run 'first', begun and not trained."""
    config = load([*WORDS, "budget.facets=1", "run=first", f"storage={tmp_path}"])
    write_atomically(tmp_path / "first" / "config.yaml", to_yaml(config))
    return tmp_path


def test_a_runs_forecast_is_written_into_its_folder(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run=first", f"storage={storage}"]) == 0
    run = storage / "first"
    forecast = read_forecast(run)
    assert forecast is not None
    # Of the facets that the budget reaches: one. Nothing else is written: no trial, no journal.
    assert len(forecast.cells) == 4
    assert {cell.cell["model.hidden_size"] for cell in forecast.cells} == {4}
    assert sorted(path.name for path in run.iterdir()) == ["config.yaml", "forecast.json"]
    for cell in forecast.cells:
        assert cell.probability == forecast.fit.probability(cell.signals)
    told = capsys.readouterr().out
    assert "P(learn): depth (up) by sequence length (across), hidden size 4" in told
    assert "AUROC, left out: a task: " in told
    assert str(run / "forecast.json") in told


def test_a_space_is_foretold_without_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["space=lstm_depth", "task.sequence_length=4,8", "model.depth=1", "model.hidden_size=4"]
    assert main(words) == 0
    assert "2 cells" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_run_has_its_own_settings(storage: Path) -> None:
    with pytest.raises(UserError) as caught:
        main(["run=first", f"storage={storage}", "model.depth=3", "space=lstm_depth"])
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "model.depth=3",
        "space=lstm_depth",
    ]


def test_a_run_that_is_not_there_is_told_with_the_nearest_name(storage: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "search.forecast", "run=frist", f"storage={storage}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == f"error: run=frist: no such run in {storage}; did you mean first?\n"
    assert done.stdout == ""


def test_a_typo_is_told_before_torch_and_pandas_are_loaded() -> None:
    code = (
        "import sys; from failmap.search.forecast.__main__ import main\n"
        "try: main(['space=lstm_dept'])\n"
        "except ValueError as error: print(error)\n"
        "print(sorted({'torch', 'ray', 'optuna', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "did you mean lstm_depth?" in done.stdout


def test_help_trains_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "Trains nothing" in capsys.readouterr().out
