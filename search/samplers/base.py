"""The base class of samplers, and conversions to Optuna."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import ValidationError

from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.recipes import may_repeat
from failmap.search.own.config import OwnTrialConfig
from failmap.search.space import Axis, Cell, Space
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.effects import canonical

#: Candidates, plus four for each known recipe, after which a cell counts as exhausted.
_MAX_CANDIDATES = 256


class Sampler(ABC):
    """Proposes recipes.

    A proposal is a function of the space, the run's seed, the cell and its trials in the order of their
    numbers. Samplers keep no state between calls but what is a function of a recipe, so that a resumed run
    proposes the same recipes.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed
        # Validating 1,000 recipes takes a third of a second, and a proposal would do so each time.
        self._trainings: dict[tuple[Cell, frozenset[tuple[str, Any]]], str] = {}

    @abstractmethod
    def candidates(self, cell: Cell, trials: Sequence[KnownTrial]) -> Iterator[dict[str, Any]]:
        """Yield recipes of a cell in order of preference, as values by path; they may repeat known ones."""

    def propose(self, cell: Cell, trials: Sequence[KnownTrial]) -> dict[str, Any] | None:
        """Return the first valid candidate that was not tried in the cell, not even under other settings.

        Args:
            cell: The cell.
            trials: All trials of the cell by number. If there are none, the default recipe is proposed.

        Returns:
            The complete recipe as values by path, or None if the recipes of the cell are exhausted.
        """
        if not trials:
            return self.space.default_recipe(cell)
        known = {recipe_key(trial.recipe): trial.recipe for trial in trials}
        trained = self._trained(cell, known)
        max_candidates = _MAX_CANDIDATES + 4 * len(known)
        for recipe in itertools.islice(self.candidates(cell, trials), max_candidates):
            if recipe_key(self.space.recipe_labels(recipe)) in known:
                continue
            # Values that are valid one by one may not fit together.
            with suppress(ValidationError):
                config = self.space.trial_config(cell, recipe, self.seed)
                if isinstance(config, OwnTrialConfig) or _training(config) not in trained:
                    return recipe
        return None

    def _trained(
        self, cell: Cell, recipes: Mapping[frozenset[tuple[str, Any]], Mapping[str, Any]]
    ) -> set[str]:
        """Return what recipes by labels train, if some setting of the space may be without effect."""
        if not may_repeat(self.space):
            return set()
        for key, labels in recipes.items():
            if (cell, key) not in self._trainings:
                config = self.space.built_in_trial(cell, self.space.recipe_values(labels), self.seed)
                self._trainings[cell, key] = _training(config)
        return {self._trainings[cell, key] for key in recipes}


def _training(config: TrialConfig) -> str:
    """Return a text that is the same for configurations that are the same training."""
    return canonical(config).model_dump_json()


def recipe_key(labels: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    """Return a hashable key that identifies a recipe."""
    return frozenset(labels.items())


def distribution(axis: Axis) -> BaseDistribution:
    """Return an axis as a distribution; a joint choice by its labels, which are all that Optuna can store."""
    if axis.values is not None:
        return CategoricalDistribution(axis.labels)
    assert axis.low is not None
    assert axis.high is not None
    if axis.integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def distributions(space: Space, labels: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """Return the distributions of the labels' axes."""
    return {path: distribution(space.axis(path)) for path in labels}
