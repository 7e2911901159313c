"""An allocation that also trains failed trials on, beyond their budget of updates."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from failmap.run_folder.records import Outcome
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import Allocation, NextTrial, default_cost
from failmap.search.config import RunConfig
from failmap.search.own.config import OwnTrialConfig
from failmap.search.space import Cell

#: Updates of a trial that is trained on by itself, in those of the trial that it continues.
EXTENSION = 3
#: Score of a failed trial from which its cell counts as close to the edge, though none of its trials learned.
_CLOSE = 0.5


class ContinuingAllocation:
    """Trains trials on whose ends are kept, and leaves all else to another allocation.

    Of more updates something is known of a cell only once all its failed trials have had them: those that are
    on their way say too much, for of the others many learn, too (docs/continuing.md). So cells are finished
    one after the other: first those in which some learned, then those of the best scores.

    Once somebody has asked for more updates (`continue_to`), all these trials come first. Else those of cells
    close to the edge come while they have at most the share `budget.extend` of the cost of the map's trials.

    Args:
        config: The run's.
        rest: Allocates the map's trials.
    """

    def __init__(self, config: RunConfig, rest: Allocation) -> None:
        self._config, self._rest = config, rest
        # Where the updates are an axis, longer trainings have cells or recipes of their own.
        self._extends = all(axis.path != "train.max_updates" for axis in config.space.axes)
        # Trials of one recipe in one cell.
        self._groups: dict[tuple[Cell, int], list[KnownTrial]] = defaultdict(list)
        # Those that may have trials to train on.
        self._open: set[tuple[Cell, int]] = set()
        self._continued: set[int] = set()
        self._costs: dict[Cell, float] = {}
        self._spent = self._spent_on_extensions = 0.0
        self._num_begun = 0

    def begin(self, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        self._rest.begin(trial)
        if trial.purpose == "intervene":
            return
        self._groups[trial.cell, trial.recipe_index].append(trial)
        self._open.add((trial.cell, trial.recipe_index))
        if trial.continues is None:
            self._num_begun += 1
            self._spent += self._cost(trial)
        else:
            self._continued.add(trial.continues)
            self._spent_on_extensions += (EXTENSION - 1) * self._cost(trial)

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial."""
        self._rest.end(trial, outcome, score)
        if outcome == "failed" and trial.purpose != "intervene":
            self._open.add((trial.cell, trial.recipe_index))

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if there is none until a trial ends."""
        return self._continuation() or self._rest.next()

    def _continuation(self) -> NextTrial | None:
        wanted, budget = self._config.continue_to, self._config.budget
        limit = budget.extend * self._spent - self._spent_on_extensions
        is_over = budget.trials is not None and self._num_begun >= budget.trials
        if wanted is None and (limit <= 0 or is_over or not self._extends):
            return None
        found = []
        for key in list(self._open):
            group = self._groups[key]
            if not (kept := self._kept(group, wanted)):
                self._open.discard(key)
            elif wanted is not None or self._is_worth(group, limit):
                found.append((group, kept))
        if not found:
            return None
        _, kept = max(found, key=lambda one: (*self._promise(one[0]), -one[1][0].number))
        best = max(kept, key=lambda trial: (trial.score, -trial.number))
        return self._longer(best, wanted or EXTENSION * best.max_updates)

    def _kept(self, group: Sequence[KnownTrial], wanted: int | None) -> list[KnownTrial]:
        """Return the trials of a group that can be trained on; without a number of updates, once."""
        return [
            trial
            for trial in group
            if trial.final_bytes
            and trial.number not in self._continued
            and (trial.continues is None if wanted is None else trial.max_updates < wanted)
        ]

    def _is_worth(self, group: Sequence[KnownTrial], limit: float) -> bool:
        """Return whether a group is close to the edge, and one more of its trials may be paid for."""
        is_close = any(
            trial.outcome == "learned" or (trial.outcome == "failed" and trial.score >= _CLOSE)
            for trial in group
        )
        return is_close and (EXTENSION - 1) * self._cost(group[0]) <= limit

    def _promise(self, group: Sequence[KnownTrial]) -> tuple[bool, bool, float]:
        """Return by what groups come in order: those that are begun first."""
        failed = [trial.score for trial in group if trial.outcome == "failed"]
        return (
            any(trial.continues is not None for trial in group),
            any(trial.outcome == "learned" for trial in group),
            float(f"{fmean(failed):.6g}"),
        )

    def _longer(self, trial: KnownTrial, max_updates: int) -> NextTrial:
        recipe = self._config.space.recipe_values(trial.recipe)
        config = self._config.space.trial_config(trial.cell, recipe, trial.seed)
        assert not isinstance(config, OwnTrialConfig), "an own training function keeps no such state"
        train = config.train.model_copy(update={"max_updates": max_updates})
        config = config.model_copy(update={"train": train})
        return NextTrial(trial.cell, trial.recipe_index, recipe, "continue", config, continues=trial.number)

    def _cost(self, trial: KnownTrial) -> float:
        """Return the cost of the updates of the space."""
        if trial.cell not in self._costs:
            self._costs[trial.cell] = default_cost(self._config, trial.cell)
        return self._costs[trial.cell]
