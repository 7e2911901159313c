"""Optuna's own pruners, for runs that look for the best recipe: all their trials are comparable."""

from collections.abc import Sequence

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner
from optuna.trial import FrozenTrial

from failmap.search.config import RunConfig
from failmap.search.own.config import OWN
from failmap.search.pruners.base import Pruner, draws_exemption


class OptunaPruner(Pruner):
    """Asks one of Optuna's pruners about trials of recipes that are new.

    Leaders that are repeated are never stopped, and neither is the default recipe. What the pruner remembers
    of a trial is an attribute in the journal, so that a resumed run goes on as it was.

    Args:
        config: The run's.
        study: The run's, as Optuna sees it.
    """

    def __init__(self, config: RunConfig, study: optuna.Study) -> None:
        super().__init__(config, study)
        self.study = study
        self.pruner = _pruner(config)

    def is_exempt(self, number: int) -> bool:
        """Return whether a number is in the random share of exempt trials."""
        return draws_exemption(self.config, number)

    def judges_at(self, trial: FrozenTrial, update: int) -> bool:
        """Return whether a report is stored: each one of a new recipe, for the pruner picks its rungs."""
        return bool(trial.user_attrs["purpose"] == "explore")

    def stops(self, trial: FrozenTrial, rivals: Sequence[FrozenTrial]) -> bool:
        """Return whether to stop a trial after its last report."""
        if trial.user_attrs["exempt"] or trial.last_step is None:
            return False
        return self.pruner.prune(self.study, trial)


def _pruner(config: RunConfig) -> BasePruner:
    halving, space = config.halving, config.space
    cell = next(space.cells())
    values = space.trial_config(cell, space.default_recipe(cell), config.seed).model_dump()
    least: int | str = "auto"
    most: int | str = "auto"
    if OWN not in values:
        train = values["train"]
        least = min(halving.first_rung * train["evaluate_every"], train["max_updates"])
        most = train["max_updates"]
    elif (limit := values[OWN]["max_updates"]) is not None:
        most = limit
    if config.pruner == "median":
        warmup = least if isinstance(least, int) else 0
        return MedianPruner(n_startup_trials=5, n_warmup_steps=max(warmup - 1, 0))
    if config.pruner == "hyperband":
        # Without numbers of its own, Hyperband would begin at one update.
        smallest = least if isinstance(least, int) else max(1, most // 81 if isinstance(most, int) else 1)
        return HyperbandPruner(smallest, most, reduction_factor=halving.factor)
    assert config.pruner == "halving", config.pruner
    return SuccessiveHalvingPruner(least, reduction_factor=halving.factor)
