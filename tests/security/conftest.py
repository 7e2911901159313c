"""A run that a real search made, without Ray: trials that learned, and that failed."""

import shutil
from pathlib import Path

import pytest

from benchmarks.chaos.small_driver import search
from failmap.analysis.reporting import build
from failmap.run_folder.paths import RunFolder
from failmap.search.provenance import begin_session, end_session

WORDS = (
    "space=smoke", "task=adding", "task.sequence_length=5,10", "model.depth=1", "train.max_updates=10",
    "train.evaluate_every=5", "task.test_size=64", "budget.seeds=1", "budget.max_seeds=1",
    "budget.recipes=1", "keep=all", "run=real",
)  # fmt: skip


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The run and its report; not to be changed."""
    storage = tmp_path_factory.mktemp("searched") / "new" / "storage"
    words = [*WORDS, f"storage={storage}"]
    search(words)
    folder = RunFolder(storage / "real")
    begin_session(folder, ["python", "-m", "search.run", *words])
    end_session(folder)
    build(folder)
    return folder


@pytest.fixture
def real_run(searched: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of it."""
    shutil.copytree(str(searched.path), tmp_path / "runs" / "real")
    return RunFolder(tmp_path / "runs" / "real")
