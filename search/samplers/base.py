"""The contract of a sampler: it fills in what a cell leaves open."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import ValidationError

from failmap.search.space import Axis, Cell, Space

#: How many candidates, beyond some for each known recipe, are looked at before a cell counts as exhausted.
_PATIENCE = 256


@dataclass(frozen=True)
class Tried:
    """A trial that was begun in the cell.

    Attributes:
        recipe: labels by path, as in a trial's record.
        score: how it ended; None while it runs, or where it errored.
        is_stopped: by rank, before its end.
    """

    recipe: Mapping[str, Any]
    score: float | None
    is_stopped: bool = False


class Sampler(ABC):
    """Proposes recipes.

    A proposal is a function of the space, the run's seed, the cell and its trials in the order of their
    numbers: nothing is kept between two calls, so that a resumed run proposes the same.
    """

    #: Whether the proposals depend on how trials ended.
    learns_from_scores: ClassVar[bool] = False

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed

    @abstractmethod
    def candidates(self, cell: Cell, tried: Sequence[Tried]) -> Iterator[dict[str, Any]]:
        """Recipes for a cell, values by path, the most wanted first; they may repeat, or be tried already."""

    def propose(self, cell: Cell, tried: Sequence[Tried]) -> dict[str, Any] | None:
        """The next recipe of a cell: the first candidate that was not tried in it.

        Args:
            cell: where.
            tried: all trials of the cell by number. Without any, the default recipe is proposed.

        Returns:
            Values by path, complete; None where the recipes of this cell are exhausted.
        """
        if not tried:
            return self.space.default_recipe(cell)
        known = {recipe_key(trial.recipe) for trial in tried}
        patience = _PATIENCE + 4 * len(known)
        for recipe in itertools.islice(self.candidates(cell, tried), patience):
            if recipe_key(self.space.recipe_labels(recipe)) not in known and self._is_possible(cell, recipe):
                return recipe
        return None

    def _is_possible(self, cell: Cell, recipe: Mapping[str, Any]) -> bool:
        """Whether any trial may have this recipe: values that fit one by one may not fit together."""
        try:
            self.space.trial_config(cell, recipe, self.seed)
        except ValidationError:
            return False
        return True


def recipe_key(labels: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    """What tells two recipes apart."""
    return frozenset(labels.items())


def distribution(axis: Axis) -> BaseDistribution:
    """Its range, or its values; a joint choice by its labels, which are all that Optuna can store."""
    if axis.values is not None:
        return CategoricalDistribution([axis.label(value) for value in axis.values])
    assert axis.low is not None
    assert axis.high is not None
    if axis.integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def distributions(space: Space, labels: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """Those of the axes that these labels stand on."""
    return {path: distribution(space.axis(path)) for path in labels}
