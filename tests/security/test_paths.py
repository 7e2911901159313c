"""Nothing outside a run's folder is read or written because of its content."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from failmap.analysis.load import load_run
from failmap.analysis.reporting import build
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.prepare import prepare
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder, name_problem
from failmap.run_folder.storage import parse_location
from failmap.search.loading import load, locate

LINKED = [
    "config.yaml", "provenance.json", "costs.json", "causes.jsonl", "trials", "trials/1", "report",
    "trials/1/record.json", "trials/1/history.jsonl", "trials/1/checkpoint",
]  # fmt: skip


@pytest.mark.parametrize("name", LINKED)
def test_link_is_refused_and_not_followed(run: RunFolder, name: str, tmp_path: Path) -> None:
    inside, outside = run.path / name, tmp_path / "outside"
    if inside.exists():
        inside.rename(outside)
    else:
        outside.mkdir()
    before = sorted(tmp_path.joinpath("outside").rglob("*"))
    inside.symlink_to(outside)
    with pytest.raises(UserError, match=r"is a link|no such run"):
        locate([f"run={run.name}", f"storage={run.path.parent}"])
    with pytest.raises(UserError, match="is a link"):
        build(run)
    assert sorted(tmp_path.joinpath("outside").rglob("*")) == before


def test_pipe_is_refused(run: RunFolder) -> None:
    run.costs.unlink()
    os.mkfifo(str(run.costs))
    with pytest.raises(UserError, match=r"costs\.json.*neither a file nor a folder"):
        load_run(run)


def test_run_folder_may_be_a_link(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "shortcut").symlink_to(run.path)
    assert len(load_run(RunFolder(tmp_path / "shortcut")).records) == 4


@pytest.mark.parametrize("name", ["1e3", "\u0663", "\uff10", "00", "-1", ".5"])
def test_other_folders_are_ignored(run: RunFolder, name: str) -> None:
    shutil.copytree(str(run.trial(0).path), str(run.trials / name))
    assert [record.number for record in load_run(run).records] == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["4", "1" * 200])
def test_record_must_have_the_number_of_its_folder(run: RunFolder, name: str) -> None:
    shutil.copytree(str(run.trial(0).path), str(run.trials / name))
    with pytest.raises(UserError, match=f"{name}/record.json.*trial 0"):
        load_run(run)


@pytest.mark.parametrize(
    "name", ["..", "../x", "/etc", "a/b", "a\0b", "", ".hidden", "-rf", "a\nb", "a" * 300]
)
def test_invalid_name_of_a_run(name: str) -> None:
    assert name_problem(name)


@pytest.mark.parametrize(
    "source", ["../../etc/0", "/etc/passwd/0", "run/../0", "run/1e3", "run/-1", "run/٣", ".."]
)
def test_weights_outside_the_storage_are_refused(source: str) -> None:
    with pytest.raises(UserError, match="start_from"):
        load(["space=smoke", "run=run", "model=lstm", f"model.start_from={source}"])


@pytest.mark.parametrize(
    "url", ["s3://", "s3://bucket/../other", "s3://bucket//x", "s3://u:secret@bucket/x", "file:///etc"]
)
def test_invalid_storage_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(UserError) as error:
        parse_location(url)
    assert "secret" not in str(error.value)


def test_archive_is_not_unpacked(tmp_path: Path) -> None:
    path, member = tmp_path / "in" / "my.npz", tmp_path / "member.npy"
    path.parent.mkdir()
    np.save(member, np.zeros(3))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(member, "../../escaped.npy")
    member.unlink()
    with pytest.raises(TaskError, match="escaped"):
        prepare(ArrayFileConfig(path=str(path)))
    assert [entry.name for entry in tmp_path.rglob("*") if entry.is_file()] == ["my.npz"]


@pytest.mark.parametrize("shape", [(10**15,), (2**31, 2**31), (2**62, 4)])
def test_array_larger_than_memory_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "my.npz"
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    with zipfile.ZipFile(path, "w") as archive, archive.open("inputs.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(TaskError, match=r"my\.npz.* holds"):
        prepare(ArrayFileConfig(path=str(path)))


def test_arrays_of_python_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "my.npz"
    np.savez(path, inputs=np.array([{}, None], dtype=object), targets=np.zeros(2), allow_pickle=True)
    with pytest.raises(TaskError, match=r"."):
        prepare(ArrayFileConfig(path=str(path)))
