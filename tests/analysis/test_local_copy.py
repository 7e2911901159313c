"""Analysis of a run in a bucket, through a local copy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from failmap.analysis.load import find_run, load_run
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath, store_of
from failmap.run_folder.storage.local_copy import cache_folder, local_copy
from failmap.search.commands.reporting import report


@pytest.fixture
def run(
    s3_storage: AnyPath,
    make_run: Callable[..., Any],
    history: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> RunFolder:
    """A small run in a bucket, and an empty cache."""
    monkeypatch.setenv("FAILMAP_CACHE", str(tmp_path / "cache"))
    written = make_run("mine")
    written.trial("learned", 5, 1, history=history("learned"))
    written.trial("failed", 20, 2, history=history("failed"))
    written.folder.trial(1).checkpoint.mkdir()
    (written.folder.trial(1).checkpoint / "state.safetensors").write_bytes(b"weights")
    store = store_of(s3_storage)
    for name in store_of(tmp_path).list_files(written.folder.path):
        store.write(s3_storage / "mine" / name, (written.folder.path / name).read_bytes())
    return RunFolder(s3_storage / "mine")


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_local_runs_are_not_copied(tmp_path: Path) -> None:
    assert local_copy(tmp_path / "run") == tmp_path / "run"


def test_only_needed_files_are_copied(run: RunFolder) -> None:
    assert names(local_copy(run.path)) == {
        "config.yaml",
        *(f"trials/{number}/{file}" for number in (0, 1) for file in ("record.json", "history.jsonl")),
    }
    assert all(path.stat().st_mode & 0o077 == 0 for path in [cache_folder(), *cache_folder().rglob("*")])


def test_unchanged_files_are_not_copied_again(run: RunFolder) -> None:
    copy = local_copy(run.path)
    (copy / "trials/0/history.jsonl").write_bytes(b"seen that it stays")
    store_of(run.path).write(run.trial(1).history, b"new\n")
    store_of(run.path).remove(run.trial(1).record)
    assert local_copy(run.path) == copy
    assert (copy / "trials/0/history.jsonl").read_bytes() == b"seen that it stays"
    assert (copy / "trials/1/history.jsonl").read_bytes() == b"new\n"
    assert not (copy / "trials/1/record.json").exists()


def test_incomplete_copy_is_completed(run: RunFolder) -> None:
    copy = local_copy(run.path)
    (copy / "config.yaml").unlink()
    (copy.parent / "states.json").write_text("not JSON")
    assert load_run(run).config.space == "lstm_depth"
    assert names(copy) == names(local_copy(run.path))


def test_report_is_written_to_the_bucket(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    report([f"run={run.name}", f"storage={run.path.parent}"])
    assert capsys.readouterr().out == f"report: {run.report / 'index.html'}\n"
    written = store_of(run.path).list_files(run.path)
    assert {"trials.parquet", "causes.jsonl", "report/index.html", "report/failure_map.png"} <= set(written)
    page = store_of(run.path).read(run.report / "index.html").decode()
    assert str(cache_folder()) not in page


def test_missing_run_names_the_nearest(run: RunFolder) -> None:
    with pytest.raises(UserError, match=r"no run 'mime' in s3://.*; did you mean mine\?"):
        find_run("mime", str(run.path.parent))
