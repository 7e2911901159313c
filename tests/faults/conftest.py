"""A lab shared by all tests, so that its undisturbed run is made once."""

from collections.abc import Iterator

import pytest

from benchmarks.chaos.lab import Lab, open_lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab(seed=0) as opened:
        yield opened
