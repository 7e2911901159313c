"""The tree-structured Parzen estimator (Bergstra et al. 2011) within each cell."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.samplers.base import Sampler, distributions, recipe_key
from failmap.search.samplers.sequences import GridSampler
from failmap.search.space import Axis, Cell

#: Draws, which may repeat known recipes, before the grid takes over.
_NUM_DRAWS = 8


class TpeSampler(Sampler):
    """Optuna's TPE over the finished trials of one cell, rebuilt for each proposal.

    The seed of a draw is a function of the run's seed and the number of recipes tried in the cell, so that
    the initial random recipes are the same in every cell.
    """

    def candidates(self, cell: Cell, trials: Sequence[KnownTrial]) -> Iterator[dict[str, Any]]:
        """Yield some draws, and then the grid, for spaces that are small enough to be exhausted."""
        ended = [self._as_optuna_trial(trial) for trial in trials if trial.outcome not in (None, "errored")]
        num_recipes = len({recipe_key(trial.recipe) for trial in trials})
        for draw in range(_NUM_DRAWS):
            entropy = np.random.SeedSequence([self.seed, num_recipes, draw])
            sampler = optuna.samplers.TPESampler(seed=int(entropy.generate_state(1)[0]))
            yield self._draw(cell, sampler, ended)
        yield from GridSampler(self.space, self.seed).candidates(cell, trials)

    def _as_optuna_trial(self, trial: KnownTrial) -> optuna.trial.FrozenTrial:
        is_stopped = trial.outcome == "censored"
        return optuna.trial.create_trial(
            state=TrialState.PRUNED if is_stopped else TrialState.COMPLETE,
            value=None if is_stopped else trial.score,
            params=dict(trial.recipe),
            distributions=distributions(self.space, trial.recipe),
            intermediate_values={0: trial.score} if is_stopped else None,
        )

    def _draw(
        self, cell: Cell, sampler: optuna.samplers.TPESampler, ended: Sequence[optuna.trial.FrozenTrial]
    ) -> dict[str, Any]:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(ended)
        trial = study.ask()
        chosen: dict[str, Any] = {}
        recipe = self.space.complete(cell, chosen)
        while missing := [path for path in recipe if path not in chosen]:
            # One axis at a time, because its value may activate others.
            axis = self.space.axis(missing[0])
            chosen[axis.path] = _suggest(trial, axis)
            recipe = self.space.complete(cell, chosen)
        return recipe


def _suggest(trial: optuna.Trial, axis: Axis) -> Any:
    if axis.values is not None:
        return axis.value_of(trial.suggest_categorical(axis.path, axis.labels))
    assert axis.low is not None
    assert axis.high is not None
    if axis.integer:
        return trial.suggest_int(axis.path, int(axis.low), int(axis.high), log=axis.log)
    return trial.suggest_float(axis.path, axis.low, axis.high, log=axis.log)
