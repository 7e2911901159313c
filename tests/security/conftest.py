"""A real run with learned and failed trials, and a run made of files, both without Ray."""

import shutil
from pathlib import Path

import pytest

from benchmarks.chaos.loaders import write_run
from benchmarks.chaos.small_driver import search
from failmap.analysis.reporting import build
from failmap.run_folder.paths import RunFolder
from failmap.search.provenance import begin_session, end_session

ARGUMENTS = (
    "space=smoke", "task=adding", "task.sequence_length=5,10", "model.depth=1", "train.max_updates=10",
    "train.evaluate_every=5", "task.test_size=64", "budget.seeds=1", "budget.max_seeds=1",
    "budget.recipes=1", "keep=all", "run=real",
)  # fmt: skip


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A searched run with its report. Tests must not change it."""
    storage = tmp_path_factory.mktemp("searched") / "new" / "storage"
    arguments = [*ARGUMENTS, f"storage={storage}"]
    search(arguments)
    folder = RunFolder(storage / "real")
    begin_session(folder, ["python", "-m", "search.run", *arguments])
    end_session(folder)
    build(folder)
    return folder


@pytest.fixture
def real_run(searched: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the searched run."""
    shutil.copytree(str(searched.path), tmp_path / "runs" / "real")
    return RunFolder(tmp_path / "runs" / "real")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run with one of each of the files that a report reads."""
    write_run(tmp_path / "runs" / "run")
    return RunFolder(tmp_path / "runs" / "run")
