"""An allocation that also trains failed trials on: those that were on their way when their updates ended."""

from failmap.run_folder.records import Outcome
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import Allocation, NextTrial, default_cost
from failmap.search.config import RunConfig
from failmap.search.own.config import OwnTrialConfig
from failmap.search.space import Cell

#: Updates of a trial that is trained on by itself, in those of the trial that it continues.
EXTENSION = 3


class ContinuingAllocation:
    """Trains trials on whose ends are kept, the best score first, and leaves all else to another allocation.

    Once somebody has asked for more updates (`continue_to`), all such trials come first. Else they come while
    they have at most the share `budget.extend` of the cost of the map's trials.

    Args:
        config: The run's.
        rest: Allocates the map's trials.
    """

    def __init__(self, config: RunConfig, rest: Allocation) -> None:
        self._config, self._rest = config, rest
        self._failed: dict[int, KnownTrial] = {}
        self._costs: dict[Cell, float] = {}
        self._spent = self._spent_on_extensions = 0.0
        self._num_begun = 0

    def begin(self, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        self._rest.begin(trial)
        if trial.is_evidence:
            self._num_begun += 1
            self._spent += self._cost(trial)
        elif trial.continues is not None:
            self._failed.pop(trial.continues, None)
            self._spent_on_extensions += (EXTENSION - 1) * self._cost(trial)
        if trial.outcome == "failed":
            self._failed[trial.number] = trial

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial."""
        self._rest.end(trial, outcome, score)
        if outcome == "failed":
            self._failed[trial.number] = trial

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if there is none until a trial ends."""
        return self._continuation() or self._rest.next()

    def _continuation(self) -> NextTrial | None:
        wanted, budget = self._config.continue_to, self._config.budget
        kept = [trial for trial in self._failed.values() if trial.final_bytes and trial.intervention is None]
        if wanted is not None:
            kept = [trial for trial in kept if trial.max_updates < wanted]
        elif budget.trials is not None and self._num_begun >= budget.trials:
            return None
        else:
            limit = budget.extend * self._spent - self._spent_on_extensions
            kept = [
                trial for trial in kept if trial.is_evidence and (EXTENSION - 1) * self._cost(trial) <= limit
            ]
        if not kept:
            return None
        best = max(kept, key=lambda trial: (trial.score, -trial.number))
        return self._continued(best, wanted or EXTENSION * best.max_updates)

    def _continued(self, trial: KnownTrial, max_updates: int) -> NextTrial:
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
