"""All that a driver keeps in memory of the trials of a run."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from failmap.run_folder.records import Intervention, Outcome, Purpose, TrialRecord
from failmap.search.space import Cell, Space


@dataclass(slots=True)
class KnownTrial:
    """All that a driver keeps in memory of a trial.

    Attributes:
        number: Optuna's.
        cell: The trial's cell of the map.
        recipe_index: 0 for the default recipe.
        purpose: Why the trial was started.
        seed: The trial's seed.
        outcome: None until the trial has ended.
        score: The last known score; 0 before the first.
        intervention: The change that was tried, if any: such a trial is no evidence of its cell.
    """

    number: int
    cell: Cell
    recipe_index: int
    purpose: Purpose
    seed: int
    outcome: Outcome | None = None
    score: float = 0.0
    intervention: Intervention | None = None

    @classmethod
    def of_record(cls, record: TrialRecord, space: Space) -> "KnownTrial":
        """Return the state of a trial from its record."""
        return cls(
            record.number,
            space.cell(record.cell),
            record.recipe_index,
            record.purpose,
            record.seed,
            record.outcome,
            0.0 if record.summary is None else record.summary.score,
            record.intervention,
        )


class KnownTrials:
    """The trials of a run, by number and by cell."""

    def __init__(self) -> None:
        self._trials: list[KnownTrial] = []
        self._by_cell: dict[Cell, list[KnownTrial]] = defaultdict(list)
        self._interventions: list[KnownTrial] = []

    def add(self, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        self._trials.append(trial)
        if trial.intervention is None:
            self._by_cell[trial.cell].append(trial)
        else:
            self._interventions.append(trial)

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, number: int) -> KnownTrial:
        return self._trials[number]

    @property
    def by_cell(self) -> Mapping[Cell, Sequence[KnownTrial]]:
        """The trials of each cell that has any, interventions left out."""
        return self._by_cell

    @property
    def interventions(self) -> Sequence[KnownTrial]:
        """The trials that are no evidence of their cells."""
        return self._interventions

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many trials ended with each outcome, interventions left out."""
        return Counter(trial.outcome for trial in self._on_the_map() if trial.outcome is not None)

    @property
    def num_unfinished(self) -> int:
        """How many trials have begun and not ended, interventions left out."""
        return sum(trial.outcome is None for trial in self._on_the_map())

    def _on_the_map(self) -> Iterator[KnownTrial]:
        return (trial for trials in self._by_cell.values() for trial in trials)
