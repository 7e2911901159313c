"""Samplers of runs that look for the best recipe: Optuna's TPE, Gaussian process and NSGA-II, and CMA-ES.

Each proposal asks a new sampler over a study of the recipes so far. So a proposal is a function of the run's
seed and trials, and nothing that a sampler keeps has to be stored: Optuna's CMA-ES would keep a pickle.
"""

import math
import statistics
import warnings
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from jaxtyping import Float
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.samplers.base import Sampler, distribution, recipe_key
from failmap.search.samplers.sequences import GridSampler
from failmap.search.samplers.suggestions import draw_recipe
from failmap.search.space import Axis, Cell, Space
from failmap.search.space.space import LEAST_FREE_RANGES

#: Draws, which may repeat known recipes, before the grid takes over.
_NUM_DRAWS = 8


@dataclass(frozen=True)
class _Tried:
    """A recipe that was tried.

    Attributes:
        recipe: Labels by path.
        values: Mean of each objective over its seeds, larger is better; None while nothing is known.
        is_whole: Whether a trial of it was trained to its end.
    """

    recipe: Mapping[str, Any]
    values: tuple[float, ...] | None
    is_whole: bool


class OptunaBestSampler(Sampler):
    """Asks one of Optuna's samplers.

    Recipes whose trials run count as unfinished, as Optuna's samplers expect it. A recipe that was stopped by
    rank, or ended without a value, counts as worse than all others; the order among those is theirs.
    """

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self.signs = [objective.sign for objective in space.objectives]
        self._distributions = {axis.path: distribution(axis) for axis in space.recipe_axes}

    @abstractmethod
    def sampler(self, seed: int) -> BaseSampler:
        """Return a new sampler."""

    def candidates(self, cell: Cell, trials: Sequence[KnownTrial]) -> Iterator[dict[str, Any]]:
        """Yield some draws, and then the grid, for spaces that are small enough to be exhausted."""
        tried = _tried(trials, self.signs)
        # Built once: Optuna copies every trial of a study, which takes most of a proposal's time.
        study = optuna.create_study(directions=["maximize"] * len(self.signs))
        order = np.random.default_rng([self.seed, len(tried)])
        study.add_trials(self._as_trials(tried, order))
        for draw in range(_NUM_DRAWS):
            entropy = np.random.SeedSequence([self.seed, len(tried), draw])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.sampler = self.sampler(int(entropy.generate_state(1)[0]))
                # The study keeps each draw as an unfinished trial, which the next one avoids.
                recipe = draw_recipe(study.ask(), self.space, cell)
            yield self.changed(recipe, cell, tried, entropy)
        yield from GridSampler(self.space, self.seed).candidates(cell, trials)

    def changed(
        self, recipe: dict[str, Any], cell: Cell, tried: Sequence[_Tried], entropy: np.random.SeedSequence
    ) -> dict[str, Any]:
        """Return what is proposed in place of a recipe that Optuna's sampler has drawn: here, the same."""
        return recipe

    def _as_trials(self, tried: Sequence[_Tried], generator: np.random.Generator) -> list[FrozenTrial]:
        values = self.ordered(tried, generator)
        trials, num_ended = list[FrozenTrial](), 0
        for one, value in zip(tried, values, strict=True):
            trials.append(
                create_trial(
                    state=TrialState.RUNNING if value is None else TrialState.COMPLETE,
                    values=None if value is None else list(value),
                    params=dict(one.recipe),
                    distributions={path: self._distributions[path] for path in one.recipe},
                    system_attrs=self.attributes(num_ended),
                )
            )
            num_ended += value is not None
        return trials

    def attributes(self, index: int) -> dict[str, Any]:
        """Return what a sampler would have stored with the `index`-th recipe that has ended."""
        return {}

    def ordered(
        self, tried: Sequence[_Tried], generator: np.random.Generator
    ) -> list[tuple[float, ...] | None]:
        """Return the values that Optuna sees. With one objective these are ranks, ties broken at random.

        Optuna would break ties by age: where all are at chance, the oldest would count as good.
        """
        if len(self.signs) > 1:
            return _filled(tried)
        return [None if rank is None else (float(rank),) for rank in _ranks(tried, generator)]


class BestTpeSampler(OptunaBestSampler):
    """The tree-structured Parzen estimator (Bergstra et al. 2011), with Optuna's settings."""

    def sampler(self, seed: int) -> BaseSampler:
        """Return a new sampler."""
        return TPESampler(seed=seed)


class GpSampler(OptunaBestSampler):
    """A Gaussian process with expected improvement, with Optuna's settings."""

    def sampler(self, seed: int) -> BaseSampler:
        """Return a new sampler."""
        return GPSampler(seed=seed, warn_independent_sampling=False)

    def ordered(
        self, tried: Sequence[_Tried], generator: np.random.Generator
    ) -> list[tuple[float, ...] | None]:
        """Return the values themselves: a Gaussian process sees distances."""
        return _filled(tried)


class NsgaSampler(OptunaBestSampler):
    """NSGA-II (Deb et al. 2002). A generation is so many recipes in the order of their trials."""

    #: Optuna's 50 would draw at random for the first 50.
    population_size = 20

    def sampler(self, seed: int) -> BaseSampler:
        """Return a new sampler."""
        return NSGAIISampler(seed=seed, population_size=self.population_size)

    def attributes(self, index: int) -> dict[str, Any]:
        """Return the generation of a recipe, under the name that Optuna gives it."""
        return {NSGAIISampler._get_generation_key(): index // self.population_size}


class CmaEsSampler(BestTpeSampler):
    """CMA-ES (Hansen 2016) over the ranges that every recipe has; TPE chooses all else.

    A generation is so many recipes in the order of their trials, whatever distribution drew them: with
    parallel trials, some were drawn before the last generation had ended.
    """

    def changed(
        self, recipe: dict[str, Any], cell: Cell, tried: Sequence[_Tried], entropy: np.random.SeedSequence
    ) -> dict[str, Any]:
        """Return the recipe with the values of the ranges replaced."""
        axes = self.space.free_ranges
        if len(axes) < LEAST_FREE_RANGES:
            return recipe
        point = self._point(axes, tried, entropy)
        chosen = {axis.path: axis.from_unit(float(unit)) for axis, unit in zip(axes, point, strict=True)}
        return self.space.complete(cell, recipe | chosen)

    def _point(
        self, axes: Sequence[Axis], tried: Sequence[_Tried], entropy: np.random.SeedSequence
    ) -> Float[np.ndarray, " axes"]:
        from cmaes import CMA  # Imports scipy, which other samplers do without.

        almost_one = np.nextafter(1.0, 0.0)
        cma = CMA(
            mean=np.full(len(axes), 0.5),
            sigma=1 / 6,  # As Optuna's: a sixth of the range.
            bounds=np.array([[0.0, almost_one]] * len(axes)),
            seed=int(entropy.generate_state(1)[0]),
        )
        ranks = _ranks(tried, np.random.default_rng(self.seed))
        points = [np.array([axis.to_unit(one.recipe[axis.path]) for axis in axes]) for one in tried]
        for begin in range(0, len(tried) - cma.population_size + 1, cma.population_size):
            block = slice(begin, begin + cma.population_size)
            if any(rank is None for rank in ranks[block]):
                break
            cma.tell([(x, -float(rank or 0)) for x, rank in zip(points[block], ranks[block], strict=True)])
        return np.asarray(cma.ask())


def _tried(trials: Sequence[KnownTrial], signs: Sequence[float]) -> list[_Tried]:
    """Return the recipes in the order of their first trials; those that only errored are left out."""
    by_recipe: dict[frozenset[tuple[str, Any]], list[KnownTrial]] = defaultdict(list)
    for trial in trials:
        if trial.outcome != "errored":
            by_recipe[recipe_key(trial.recipe)].append(trial)
    return [_of_seeds(seeds, signs) for seeds in by_recipe.values()]


def _of_seeds(seeds: Sequence[KnownTrial], signs: Sequence[float]) -> _Tried:
    ended = [trial for trial in seeds if trial.outcome is not None]
    whole = [trial for trial in ended if trial.outcome != "censored"]
    if not ended:
        return _Tried(seeds[0].recipe, None, is_whole=False)
    valued = [trial.objectives for trial in whole or ended if trial.objectives]
    if not valued:
        return _Tried(seeds[0].recipe, (-math.inf,) * len(signs), is_whole=False)
    means = tuple(
        sign * statistics.fmean(column) for sign, column in zip(signs, zip(*valued, strict=True), strict=True)
    )
    return _Tried(seeds[0].recipe, means, is_whole=bool(whole))


def _ranks(tried: Sequence[_Tried], generator: np.random.Generator) -> list[int | None]:
    """Return the rank of each recipe by the first objective, 0 for the worst; None while it is not known."""
    tie_breaks = generator.permutation(len(tried))
    known = [index for index, one in enumerate(tried) if one.values is not None]
    known.sort(key=lambda index: (tried[index].is_whole, tried[index].values, tie_breaks[index]))
    ranks: list[int | None] = [None] * len(tried)
    for rank, index in enumerate(known):
        ranks[index] = rank
    return ranks


def _filled(tried: Sequence[_Tried]) -> list[tuple[float, ...] | None]:
    """Return the values, those of stopped and valueless recipes being at most the worst of the others."""
    whole = [one.values for one in tried if one.is_whole and one.values is not None]
    worst = tuple(map(min, zip(*whole, strict=True))) if whole else None

    def filled(one: _Tried) -> tuple[float, ...] | None:
        if one.values is None or one.is_whole or worst is None:
            return one.values if one.values is None or all(map(math.isfinite, one.values)) else None
        return tuple(map(min, one.values, worst)) if all(map(math.isfinite, one.values)) else worst

    return [filled(one) for one in tried]
