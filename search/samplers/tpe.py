"""The tree-structured Parzen estimator (Bergstra et al. 2011) within each cell."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.samplers.base import Sampler, distributions, recipe_key
from failmap.search.samplers.sequences import GridSampler
from failmap.search.samplers.suggestions import draw_recipe
from failmap.search.space import Cell

#: Draws, which may repeat known recipes, before the grid takes over.
_NUM_DRAWS = 8


@dataclass(frozen=True)
class _Observation:
    """A recipe, and what its trials in a cell tell about it.

    Attributes:
        recipe: Labels by path.
        value: Larger is better: whether any trial was trained to its end, then the mean score. Scores of
            trials that were stopped by rank are of fewer updates, and of the worst.
    """

    recipe: Mapping[str, Any]
    value: tuple[bool, float]


def _observe(trials: Sequence[KnownTrial]) -> list[_Observation]:
    """Return the recipes that have trials with a score, in the order of their first ones."""
    by_recipe: dict[frozenset[tuple[str, Any]], list[KnownTrial]] = defaultdict(list)
    for trial in trials:
        if trial.outcome not in (None, "errored"):
            by_recipe[recipe_key(trial.recipe)].append(trial)
    return [
        _Observation(
            seeds[0].recipe,
            (
                any(trial.outcome != "censored" for trial in seeds),
                statistics.fmean(trial.score for trial in seeds),
            ),
        )
        for seeds in by_recipe.values()
    ]


class TpeSampler(Sampler):
    """Optuna's TPE over the recipes of one cell that have a finished trial, rebuilt for each proposal.

    A recipe is one observation, whatever the number of its seeds. So the random draws with which TPE begins
    are counted in recipes, and a recipe that was repeated does not weigh more than others.

    The seed of a draw is a function of the run's seed and the number of recipes tried in the cell, so that
    the initial random recipes are the same in every cell.
    """

    def candidates(self, cell: Cell, trials: Sequence[KnownTrial]) -> Iterator[dict[str, Any]]:
        """Yield some draws, and then the grid, for spaces that are small enough to be exhausted."""
        observations = _observe(trials)
        num_recipes = len({recipe_key(trial.recipe) for trial in trials})
        for draw in range(_NUM_DRAWS):
            entropy = np.random.SeedSequence([self.seed, num_recipes, draw])
            sampler = optuna.samplers.TPESampler(seed=int(entropy.generate_state(1)[0]))
            ranked = self._ranked(observations, np.random.default_rng(entropy))
            yield self._draw(cell, sampler, ranked)
        yield from GridSampler(self.space, self.seed).candidates(cell, trials)

    def _ranked(
        self, observations: Sequence[_Observation], generator: np.random.Generator
    ) -> list[optuna.trial.FrozenTrial]:
        """Return the observations in their order, with ranks as values, which are all that TPE looks at.

        Observations that tie are ranked at random. Optuna would rank them by age: where every recipe is at
        chance, the oldest would count as good, and that is the default recipe, which failed.
        """
        tie_breaks = generator.permutation(len(observations))
        worst_first = sorted(
            range(len(observations)), key=lambda index: (observations[index].value, tie_breaks[index])
        )
        rank_of = {index: rank for rank, index in enumerate(worst_first)}
        return [
            optuna.trial.create_trial(
                value=float(rank_of[index]),
                params=dict(one.recipe),
                distributions=distributions(self.space, one.recipe),
            )
            for index, one in enumerate(observations)
        ]

    def _draw(
        self, cell: Cell, sampler: optuna.samplers.TPESampler, ended: Sequence[optuna.trial.FrozenTrial]
    ) -> dict[str, Any]:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(ended)
        return draw_recipe(study.ask(), self.space, cell)
