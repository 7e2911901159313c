"""The benchmark of the watch watches, and its looks are counted on the clock of its own loop."""

from pathlib import Path

import pytest

from benchmarks.watching.watched import Given, WatchedTraining


@pytest.mark.parametrize("given", ["everything", "validation", "loss"])
def test_a_loop_is_watched_on_its_own_clock(given: Given, tmp_path: Path) -> None:
    training = WatchedTraining("1x4", given, str(tmp_path))
    training.run(range(1, 9))
    training.close()
    assert training.watch.looks.number >= 5
    assert 0 < training.watch.looks.seconds <= training._clock()
