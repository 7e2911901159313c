"""Whatever a file holds, its reader has a value, or one line for the user: no traceback."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.chaos.loaders import LOADERS, Loader, offer
from benchmarks.chaos.spoiling import spoilt
from failmap.run_folder.errors import UserError

#: `make chaos` tries many more (benchmarks/chaos/bad_inputs.py).
EXAMPLES = 8
FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.name)
@pytest.mark.filterwarnings("ignore")  # Of numbers at the edge of what floats hold.
def test_corrupt_file_is_read_or_refused(loader: Loader, tmp_path: Path) -> None:
    loader.prepare(tmp_path)
    assert offer(loader, tmp_path, loader.valid()) == "accepted"

    @FEW
    @given(spoilt(loader.valid()))
    def try_one(content: bytes) -> None:
        offer(loader, tmp_path, content)

    try_one()


@given(st.text())
def test_messages_are_printable(text: str) -> None:
    (line,) = UserError(text).problems
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in line)
    line.encode()
