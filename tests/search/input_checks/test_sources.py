"""The user's own files are known by what is in them."""

from hashlib import blake2b
from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.search.input_checks import FileState, states_of_files
from failmap.search.loading import load


def state_of(content: bytes) -> FileState:
    return {"bytes": len(content), "blake2b": blake2b(content).hexdigest()}


def test_an_array_file_is_known_by_size_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "my.npz"
    path.write_bytes(b"numbers")
    space = load(["task=array_file", f"task.path={path}", "task.sequence_length=4,8"]).space
    assert states_of_files(space) == {str(path): state_of(b"numbers")}


def test_every_file_of_an_axis_is_known(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(name)
    space = load(
        ["space=lstm_depth", "task=array_file", f"task.path={tmp_path}/a.csv,{tmp_path}/b.csv"]
    ).space
    assert states_of_files(space) == {
        str(tmp_path / "a.csv"): state_of(b"a"),
        str(tmp_path / "b.csv"): state_of(b"b"),
    }


def test_a_folder_of_digits_is_known_by_its_four_files(tmp_path: Path) -> None:
    names = [
        f"{part}-{kind}-ubyte{end}"
        for part, end in (("t10k", ""), ("train", ".gz"))
        for kind in ("images-idx3", "labels-idx1")
    ]
    for name in [*names, "notes.txt"]:
        (tmp_path / name).write_text(name)
    space = load(["space=mnist_length", f"task.folder={tmp_path}"]).space
    assert list(states_of_files(space)) == [str(tmp_path / name) for name in names]


def test_a_task_that_is_drawn_reads_no_file() -> None:
    assert states_of_files(load(["space=smoke"]).space) == {}
    assert states_of_files(load(["space=mnist_length"]).space) == {}, "digits of a package"


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    space = load(["task=array_file", f"task.path={tmp_path}/my.npz", "task.sequence_length=4"]).space
    with pytest.raises(UserError, match=r"my\.npz: cannot be read: No such file"):
        states_of_files(space)
