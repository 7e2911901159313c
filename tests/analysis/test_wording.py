"""How amounts read."""

import pytest

from analysis.wording import duration_text


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (0.5, "0.5 s"), (59, "59 s"), (600, "10 min"), (7200, "2 h"), (1e6, "12 d")],
)
def test_a_duration_is_told_in_its_unit(seconds: float, told: str) -> None:
    assert duration_text(seconds) == told
