"""The data files of cases."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.diagnosis.cases.arrays import WAVE_FREQUENCIES, WAVES, write_arrays


def test_files_are_reproducible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    for name in ("one", "another"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        write_arrays()
        written.append([dict(np.load(path)) for path in (WAVES, WAVE_FREQUENCIES)])

    for one, another in zip(*written, strict=True):
        assert one["inputs"].shape[2] == 2
        assert all(np.array_equal(one[part], another[part]) for part in ("inputs", "targets"))
    forms, frequencies = (file["targets"] for file in written[0])
    assert set(forms) == {0, 1, 2}
    assert 0.05 <= frequencies.min() < frequencies.max() <= 0.2


def test_existing_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    WAVES.parent.mkdir(parents=True)
    WAVES.write_text("mine")

    write_arrays()

    assert WAVES.read_text() == "mine"
