"""Loaders accept a file or refuse it with one line for the user, whatever its content."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.chaos.corruption import corrupted
from benchmarks.chaos.loaders import LOADERS, Loader, offer
from failmap.run_folder.errors import UserError

#: `make chaos` tries many more (benchmarks/chaos/bad_inputs.py).
FEW = settings(
    max_examples=8,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.name)
@pytest.mark.filterwarnings("ignore")  # About numbers at the limits of floats.
def test_corrupted_file_is_accepted_or_refused(loader: Loader, tmp_path: Path) -> None:
    loader.prepare(tmp_path)
    assert offer(loader, tmp_path, loader.valid()) == "accepted"

    @FEW
    @given(corrupted(loader.valid()))
    def try_one(content: bytes) -> None:
        offer(loader, tmp_path, content)

    try_one()


@given(st.text())
def test_error_cannot_control_a_terminal(text: str) -> None:
    (line,) = UserError(text).problems
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in line)
    line.encode()
