"""Truth tables: dense grids of trainings whose curves are all kept, so that searches can be replayed."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from failmap.search.config import RunConfig
from failmap.search.loading.request import load
from failmap.search.space import Cell

CURVES = Path(__file__).parent / "curves"
#: Trainings go on for this many times the map's budget of updates, or until they have learned.
TIMES_BUDGET = 3
#: Seeds of every cell, and of those in which some but not all of the first ones learned in the map's budget.
NUM_SEEDS, NUM_SEEDS_BETWEEN = 8, 16

_PARITY = (
    "space=lstm_depth",
    "task=parity",
    "task.length_distribution=uniform",
    "task.sequence_length=3,6,10,14,20,30,40,60",
    "model.depth=1,2,3",
    "train.max_updates=1500",
    "model.hidden_size=32",
)
_WORDS: dict[str, tuple[str, ...]] = {
    "parity": _PARITY,
    "adding": ("space=lstm_depth", "model.hidden_size=32"),
    "width": (
        "space=lstm_depth",
        "map.y=model.hidden_size",
        "map.facet=model.depth",
        "task.sequence_length=10,20,50,100",
        "model.hidden_size=4,8,16,32,64,128",
        "model.depth=1",
    ),
    "order": (
        "space=lstm_depth",
        "task=temporal_order",
        "task.sequence_length=10,15,20,30,50,70,100",
        "model.depth=1,2,3",
        "model.hidden_size=32",
    ),
    "recall": (
        "space=gru_depth",
        "task=delayed_recall",
        "task.sequence_length=5,10,15,20,30,40,60",
        "model.depth=1,2,3",
        "model.hidden_size=32",
    ),
}
#: Not looked at while anything was tuned.
UNSEEN = "recall"
NAMES = tuple(_WORDS)
#: The map of parity under other recipes: not replayed, but compared with the default one (recipes.py).
OTHER_RECIPES = ("parity_slow", "parity_fast")
_WORDS |= {
    name: (*_PARITY, f"train.learning_rate={rate}")
    for name, rate in zip(OTHER_RECIPES, (1e-3, 1e-2), strict=True)
}


@dataclass(frozen=True)
class Curve:
    """One training, until it learned or its updates were spent.

    Attributes:
        labels: Of its cell, in the order of the map's paths.
        seed: The seed.
        learned_at: Update of the evaluation at which the criterion was met; None if it was not.
        updates: Updates that were trained.
        seconds: CPU seconds on one core of the machine that trained.
        scores: Score at each evaluation, in thousandths.
        losses: Mean training loss since the last evaluation, to four digits; None where it was not finite.
    """

    labels: tuple[Any, ...]
    seed: int
    learned_at: int | None
    updates: int
    seconds: float
    scores: tuple[int, ...]
    losses: tuple[float | None, ...]

    def has_learned_within(self, updates: int) -> bool:
        """Return whether it learned within a budget of updates."""
        return self.learned_at is not None and self.learned_at <= updates


class Table:
    """The trainings of one space's first facet, under its default recipe.

    Args:
        name: One of NAMES, or any other if its words are given.
        folder: Folder of the curves.
        words: Arguments of `failmap run` that describe the space; those of the name by default.
    """

    def __init__(self, name: str, folder: Path = CURVES, words: Sequence[str] | None = None) -> None:
        self.name = name
        self.path = folder / f"{name}.jsonl"
        self._words = _WORDS[name] if words is None else words

    def words(self) -> list[str]:
        """Return the arguments of `failmap run` that search this space."""
        return [*self._words, f"run={self.name}"]

    @cached_property
    def config(self) -> RunConfig:
        """Return the configuration of such a run."""
        return load(self.words())

    @property
    def max_updates(self) -> int:
        """Return the map's budget of updates."""
        updates: int = self.config.space.base["train"]["max_updates"]
        return updates

    def curves(self) -> Iterator[Curve]:
        """Yield the trainings so far."""
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                values = json.loads(line)
                yield Curve(
                    **{
                        key: tuple(value) if isinstance(value, list) else value
                        for key, value in values.items()
                    }
                )

    def add(self, curve: Curve) -> None:
        """Append a training."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(curve), separators=(",", ":")) + "\n")

    def cells(self) -> list[Cell]:
        """Return the cells of the map."""
        return list(self.config.space.cells())

    @property
    def num_missing(self) -> int:
        """Return how many trainings are missing until every cell has its first seeds."""
        seeds = Counter(curve.labels for curve in self.curves())
        return sum(max(0, NUM_SEEDS - seeds[cell.values]) for cell in self.cells())
