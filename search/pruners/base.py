"""Pruners: none, and successive halving."""

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from failmap.search.config import RunConfig
from failmap.search.own.config import OWN


class Pruner:
    """Stops trials by their rank among the trials of their cell; this base class stops none.

    Args:
        config: The run's.
        study: The run's, as Optuna sees it.

    It receives the rivals instead of Optuna's study, which Optuna's own pruners traverse as a whole: with
    10,000 trials that takes 4 ms at every rung. Only reports at the updates that it `judges_at` are written
    to the journal; histories hold all of them.
    """

    def __init__(self, config: RunConfig, study: optuna.Study) -> None:
        self.config = config

    def is_exempt(self, number: int) -> bool:
        """Return whether a trial is never stopped, to measure the cost of pruning; a function of the seed."""
        return False

    def judges_at(self, trial: FrozenTrial, update: int) -> bool:
        """Return whether the trial's score at an update is compared with others."""
        return False

    def stops(self, trial: FrozenTrial, rivals: Sequence[FrozenTrial]) -> bool:
        """Return whether to stop a trial after its last report.

        Args:
            trial: The trial with that report among its intermediate values.
            rivals: All trials of its cell, including itself.
        """
        return False


#: Separates these random numbers from other streams of the run's seed.
_EXEMPTION_STREAM = 1


class HalvingPruner(Pruner):
    """Continues only the best share of the explored trials at each rung.

    Rungs are at first_rung * factor^k evaluations. Trials of different cells are never compared: a deep or
    long cell is slow, and would lose to an easy one. Trials of the default recipe and of confirmations are
    never stopped, because the map is based on them.
    """

    def is_exempt(self, number: int) -> bool:
        """Return whether a number is in the random share of exempt trials."""
        return draws_exemption(self.config, number)

    def judges_at(self, trial: FrozenTrial, update: int) -> bool:
        """Return whether an explored trial, exempt or not, is at a rung.

        Of an own training function every report is stored, because only their number says where it is.
        """
        if trial.user_attrs["purpose"] != "explore" or _is_own(trial):
            return bool(trial.user_attrs["purpose"] == "explore")
        evaluate_every = trial.user_attrs["config"]["train"]["evaluate_every"]
        if update % evaluate_every:
            return False
        rung = self.config.halving.first_rung
        while rung * evaluate_every < update:
            rung *= self.config.halving.factor
        return bool(rung * evaluate_every == update)

    def stops(self, trial: FrozenTrial, rivals: Sequence[FrozenTrial]) -> bool:
        """Return whether the trial's last report is not among the best share of its cell at that rung.

        At least the best trial continues, and so do trials tied with the last one to continue.
        """
        attributes = trial.user_attrs
        if attributes["purpose"] != "explore" or attributes["exempt"] or trial.last_step is None:
            return False
        rung = trial.last_step
        if _is_own(trial):
            return self._stops_own(trial, rivals)
        scores = [
            rival.intermediate_values[rung]
            for rival in rivals
            if rung in rival.intermediate_values and rival.user_attrs["purpose"] == "explore"
        ]
        return self._is_behind(trial.intermediate_values[rung], scores)

    def _stops_own(self, trial: FrozenTrial, rivals: Sequence[FrozenTrial]) -> bool:
        """Compare a trial of an own training function after as many reports, whatever their updates are."""
        num_reports, rung = len(trial.intermediate_values), self.config.halving.first_rung
        while rung < num_reports:
            rung *= self.config.halving.factor
        if rung != num_reports:
            return False
        scores = [
            rival.intermediate_values[sorted(rival.intermediate_values)[rung - 1]]
            for rival in rivals
            if len(rival.intermediate_values) >= rung and rival.user_attrs["purpose"] == "explore"
        ]
        return self._is_behind(trial.intermediate_values[max(trial.intermediate_values)], scores)

    def _is_behind(self, own: float, scores: Sequence[float]) -> bool:
        """Return whether a score is not among the best share of the scores at its rung."""
        num_continued = max(1, len(scores) // self.config.halving.factor)
        return sum(score > own for score in scores) >= num_continued


def draws_exemption(config: RunConfig, number: int) -> bool:
    """Return whether a trial is in the random share that is never stopped."""
    draw = np.random.default_rng([config.seed, _EXEMPTION_STREAM, number]).random()
    return bool(draw < config.halving.exempt_share)


def _is_own(trial: FrozenTrial) -> bool:
    return OWN in trial.user_attrs["config"]
