"""Under which code and versions a run was made."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from failmap.run_folder.paths import RunFolder
from failmap.search import provenance
from failmap.search.input_checks import FileState
from failmap.search.provenance import begin_session, describe_code, end_session


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def _nobodys_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither hooks and keys of who runs the tests are at work, nor a checkout around their folder."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "code"
    root.mkdir()
    git(root, "init", "-q")
    (root / "file.py").write_text("a = 1\n")
    git(root, "add", "file.py")
    git(root, "commit", "-qm", "first")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def stored(folder: RunFolder) -> dict[str, list[dict[str, str]]]:
    read: dict[str, list[dict[str, str]]] = json.loads(folder.provenance.read_text())
    return read


def test_every_session_is_appended_with_start_and_end(folder: RunFolder, checkout: Path) -> None:
    assert begin_session(folder, ["search.run", "seed=1"], checkout) == []
    end_session(folder)
    assert begin_session(folder, ["search.resume"], checkout) == []
    first, second = stored(folder)["sessions"]
    assert first["command"] == ["search.run", "seed=1"]
    assert first["started"] <= first["ended"]
    assert second["ended"] is None
    assert len(stored(folder)["codes"]) == 1


def test_revision_and_diff(checkout: Path) -> None:
    (checkout / "file.py").write_text("a = 2\n")
    (checkout / "new.py").touch()
    code = describe_code(checkout)
    assert len(code["revision"]) == 40
    assert "+a = 2" in code["diff"]
    assert code["untracked"] == ["new.py"]
    assert not code["diff_is_cut"]


def test_changed_code(folder: RunFolder, checkout: Path) -> None:
    begin_session(folder, ["run"], checkout)
    (checkout / "file.py").write_text("a = 2\n")
    assert "other uncommitted changes" in begin_session(folder, ["resume"], checkout)[0]
    git(checkout, "commit", "-qam", "second")
    assert "revision" in begin_session(folder, ["resume"], checkout)[0]


def test_changed_versions(folder: RunFolder, checkout: Path) -> None:
    begin_session(folder, ["run"], checkout)
    old = stored(folder)
    old["sessions"][0]["versions"]["torch"] = "1.0"
    folder.provenance.write_text(json.dumps(old))
    (warning,) = begin_session(folder, ["resume"], checkout)
    assert warning.startswith("versions have changed since the last session: torch 1.0 -> ")


def test_changed_threads(folder: RunFolder, checkout: Path) -> None:
    """A session without trials, such as a merge, is passed over; one of an earlier revision has no number."""
    assert begin_session(folder, ["run"], checkout) == []
    assert begin_session(folder, ["resume"], checkout, threads=2) == []
    assert begin_session(folder, ["merge"], checkout) == []
    assert begin_session(folder, ["resume"], checkout, threads=2) == []
    (warning,) = begin_session(folder, ["resume"], checkout, threads=1)
    assert "2 -> 1 (cluster.cpus_per_trial)" in warning


def test_long_diff_is_cut(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "MAX_DIFF_BYTES", 100)
    (checkout / "file.py").write_text("b = 1\n" * 1000)
    code = describe_code(checkout)
    assert len(code["diff"]) == 100
    assert code["diff_is_cut"]


def test_no_checkout(tmp_path: Path, checkout: Path) -> None:
    assert describe_code(tmp_path)["revision"] is None
    inside = checkout / "vendored"
    inside.mkdir()
    assert describe_code(inside)["revision"] is None


def test_no_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert describe_code(tmp_path)["revision"] is None


def test_corrupt_file_is_moved(folder: RunFolder, checkout: Path) -> None:
    begin_session(folder, ["run"], checkout)
    folder.provenance.write_text('{"sessions": [')
    (warning,) = begin_session(folder, ["resume"], checkout)
    assert "provenance.json.unreadable" in warning
    assert len(stored(folder)["sessions"]) == 1


def test_versions_and_hardware() -> None:
    assert set(provenance.versions()) == {"python", "torch", "ray", "optuna", "numpy"}
    assert provenance.hardware()["memory_bytes"] > 2**20


def test_changed_file(folder: RunFolder, checkout: Path) -> None:
    small, large = FileState(bytes=800, blake2b="a1"), FileState(bytes=1200, blake2b="b2")
    assert begin_session(folder, ["run"], checkout, files={"my.npz": small}) == []
    assert begin_session(folder, ["resume"], checkout, files={"my.npz": small, "new.npz": small}) == []
    assert begin_session(folder, ["resume"], checkout, files={"my.npz": large, "new.npz": small}) == [
        "my.npz has changed since the last session (800 bytes, now 1,200): earlier trials saw other data"
    ]
    assert [list(session["files"]) for session in stored(folder)["sessions"]] == [
        ["my.npz"],
        ["my.npz", "new.npz"],
        ["my.npz", "new.npz"],
    ]


def test_session_without_files(folder: RunFolder, checkout: Path) -> None:
    begin_session(folder, ["run"], checkout)
    old = stored(folder)
    del old["sessions"][0]["files"]
    folder.provenance.write_text(json.dumps(old))
    files = {"my.npz": FileState(bytes=800, blake2b="a1")}
    assert begin_session(folder, ["resume"], checkout, files=files) == []
