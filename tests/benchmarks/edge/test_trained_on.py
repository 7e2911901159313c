"""Failed trainings that learn within more updates, rising or not when the map's updates ended."""

from collections import Counter
from pathlib import Path

from benchmarks.edge.tables import Curve, Table
from benchmarks.edge.trained_on import learn_later
from tests.benchmarks.edge.conftest import _WORDS, EVERY, MAX_UPDATES

_NUM = MAX_UPDATES // EVERY


def test_rising_and_flat_trainings_are_told_apart(tmp_path: Path) -> None:
    table = Table("synthetic", tmp_path, _WORDS)
    cell = table.cells()[0].values
    rising = tuple(round(900 * (index + 1) / _NUM) for index in range(_NUM))
    flat = (0,) * _NUM
    losses = tuple((1 - score / 1000) / 6 for score in rising)
    long = (960,) * 2
    table.add(Curve(cell, 0, 1100, 1100, 1.0, rising + long, (*losses, 0.01, 0.01)))
    table.add(Curve(cell, 1, None, 1100, 1.0, rising + long, (*losses, 0.01, 0.01)))
    table.add(Curve(cell, 2, 1100, 1100, 1.0, flat + long, (1 / 6,) * (_NUM + 2)))
    # What learned in the map's updates did not fail.
    table.add(Curve(cell, 3, 500, 500, 1.0, rising[:10], losses[:10]))
    assert Counter(learn_later(table)) == {(True, True): 1, (True, False): 1, (False, True): 1}
