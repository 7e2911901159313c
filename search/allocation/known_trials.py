"""All that a driver keeps in memory of the trials of a run."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from failmap.run_folder.records import NO_EVIDENCE, Intervention, Outcome, Purpose, TrialRecord
from failmap.search.space import Cell, Space


@dataclass(slots=True)
class KnownTrial:
    """All that a driver keeps in memory of a trial.

    Attributes:
        number: Optuna's.
        cell: The trial's cell of the map.
        recipe_index: 0 for the default recipe.
        recipe: Labels by path, as in the trial's record.
        purpose: Why the trial was started.
        seed: The trial's seed.
        outcome: None until the trial has ended.
        score: The last known score; 0 before the first.
        intervention: The change that was tried, if any: such a trial is no evidence of its cell.
        p_learn: Probability that a trial that was stopped as hopeless would have learned; 0 of any other.
        continues: The trial from whose end this one begins, if any: it is no evidence of its cell, either.
        max_updates: Its budget of updates; 0 if it has none.
        final_bytes: Size of the state that is kept of its end; 0 if none is.
        error: What an errored trial ran into; '' for every other.
        objectives: The numbers that the run optimises; none before the end.
    """

    number: int
    cell: Cell
    recipe_index: int
    recipe: Mapping[str, Any]
    purpose: Purpose
    seed: int
    outcome: Outcome | None = None
    score: float = 0.0
    intervention: Intervention | None = None
    error: str = ""
    p_learn: float = 0.0
    continues: int | None = None
    max_updates: int = 0
    final_bytes: int = 0
    objectives: Sequence[float] = ()

    @property
    def is_evidence(self) -> bool:
        """Whether it says something about its cell."""
        return self.purpose not in NO_EVIDENCE

    @classmethod
    def of_record(cls, record: TrialRecord, space: Space) -> "KnownTrial":
        """Return the state of a trial from its record."""
        return cls(
            record.number,
            space.cell(record.cell),
            record.recipe_index,
            record.recipe,
            record.purpose,
            record.seed,
            record.outcome,
            0.0 if record.summary is None else record.summary.score,
            record.intervention,
            record.summary.reason if record.summary is not None and record.outcome == "errored" else "",
            0.0 if record.summary is None else record.summary.p_learn,
            record.continues,
            record.config.get("train", {}).get("max_updates", 0),
            objectives=tuple(record.objectives),
        )


class KnownTrials:
    """The trials of a run, by number and by cell.

    Attributes:
        by_cell: The trials of each cell that has any, those left out that are no evidence of it.
    """

    def __init__(self) -> None:
        self._trials: list[KnownTrial] = []
        self.by_cell: dict[Cell, list[KnownTrial]] = defaultdict(list)

    def add(self, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        self._trials.append(trial)
        if trial.is_evidence:
            self.by_cell[trial.cell].append(trial)

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[KnownTrial]:
        return iter(self._trials)

    def __getitem__(self, number: int) -> KnownTrial:
        return self._trials[number]

    def errors(self) -> list[str]:
        """Return what errored trials ran into, interventions included, in the order of their numbers."""
        return [trial.error for trial in self._trials if trial.error]

    @property
    def num_continuing(self) -> int:
        """How many trials train failed ones on and have not ended."""
        return sum(trial.purpose == "continue" and trial.outcome is None for trial in self._trials)

    def outcomes(self, *, interventions: bool = False) -> Counter[Outcome | None]:
        """Count the trials by outcome, those that have not ended under None: the map's, or interventions."""
        trials = (
            trial
            for trial in self._trials
            if (trial.intervention is not None if interventions else trial.is_evidence)
        )
        return Counter(trial.outcome for trial in trials)
