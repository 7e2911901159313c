"""Truth tables whose trainings are known."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.edge.tables import NUM_SEEDS, TIMES_BUDGET, Curve, Table
from benchmarks.edge.truth import Truth

#: The map's budget of updates, and the updates between two evaluations.
MAX_UPDATES, EVERY = 1000, 50
_WORDS = (
    "space=lstm_depth",
    "task.sequence_length=5,20,80",
    "model.depth=1,2,3",
    "model.hidden_size=32",
    f"train.max_updates={MAX_UPDATES}",
)

MakeTruth = Callable[[Callable[[int, int, int], int | None]], Truth]


@pytest.fixture
def make_truth(tmp_path: Path) -> MakeTruth:
    """Return a function that makes a table of nine cells with eight seeds.

    Its argument returns the update at which a length, a depth and a seed learn, or None.
    """

    def make(learned_at: Callable[[int, int, int], int | None]) -> Truth:
        table = Table("synthetic", tmp_path, _WORDS)
        for cell in table.cells():
            for seed in range(NUM_SEEDS):
                length, depth, _ = cell.values
                update = learned_at(length, depth, seed)
                updates = update or TIMES_BUDGET * MAX_UPDATES
                scores = [100] * (updates // EVERY - 1) + [950 if update else 200]
                table.add(Curve(cell.values, seed, update, updates, 1.0, tuple(scores), (0.5,) * len(scores)))
        return Truth(table)

    return make
