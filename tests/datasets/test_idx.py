"""Broken IDX files are reported by name, with what was expected and found."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from failmap.datasets.errors import TaskError
from failmap.datasets.idx import read_idx

ITEMS = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
HEADER = bytes.fromhex("00000803 00000003 00000002 00000002")
WHOLE = HEADER + ITEMS.tobytes()


def test_reads_a_file_and_its_packed_form(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(WHOLE)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(WHOLE))
    for name in ("plain", "packed"):
        np.testing.assert_array_equal(read_idx(tmp_path / name, (2, 2)), ITEMS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with 0x instead of 0x00000803: not this IDX file"),
        (b"\x1f\x8b" + WHOLE, "begins with 0x1f8b0000 instead of 0x00000803: not this IDX file"),
        (
            bytes.fromhex("00000801 00000002 0102"),
            "begins with 0x00000801 instead of 0x00000803: not this IDX file",
        ),
        (HEADER[:10], "ends within its header, after 10 of 16 bytes"),
        (WHOLE[:-1], "27 bytes instead of the 28 of 3 items"),
        (WHOLE + b"\n", "29 bytes instead of the 28 of 3 items"),
        (HEADER[:-4] + b"\0\0\0\5" + ITEMS.tobytes(), "holds items of 2 x 5 instead of 2 x 2"),
    ],
)
def test_message_names_the_problem(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "digits"
    path.write_bytes(content)
    with pytest.raises(TaskError) as refusal:
        read_idx(path, (2, 2))
    assert str(refusal.value) == f"{path}: {message}"


def test_a_missing_file_is_named_in_both_forms(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"digits: no such file, nor digits\.gz$"):
        read_idx(tmp_path / "digits", ())


@pytest.mark.parametrize(
    "packed", [gzip.compress(WHOLE, mtime=0)[:-9], WHOLE, b""], ids=["cut", "unpacked", "empty"]
)
def test_a_torn_packed_file_is_named(tmp_path: Path, packed: bytes) -> None:
    (tmp_path / "digits.gz").write_bytes(packed)
    with pytest.raises(TaskError, match=r"digits\.gz: "):
        read_idx(tmp_path / "digits", (2, 2))


def test_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    with pytest.raises(TaskError, match=r"digits: cannot be read"):
        read_idx(tmp_path / "digits", (2, 2))


def test_files_of_a_folder_must_fit_each_other(make_folder: Callable[[], Path]) -> None:
    from failmap.datasets.digits import load_split

    folder = make_folder()
    (folder / "t10k-labels-idx1-ubyte").write_bytes(bytes.fromhex("00000801 00000002 0102"))
    with pytest.raises(TaskError, match="200 images but 2 labels in the t10k files"):
        load_split(str(folder), 100, 50)
