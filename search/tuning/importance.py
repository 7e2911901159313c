"""How much each axis matters: fANOVA and PED-ANOVA, with intervals, stored with the run."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import optuna
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
)
from optuna.trial import TrialState, create_trial

from failmap.analysis.load import Run
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.search.loading import from_yaml
from failmap.search.new_run import report_disk_errors
from failmap.search.samplers.base import distributions
from failmap.search.space import Space

#: Fewer trials say nothing.
LEAST_TRIALS = 20
#: Samples of the trials, with replacement, from which the intervals come.
_NUM_SAMPLES = 15
#: Trees of the forest, and of each sample's: Optuna's 64 for all would take a minute at 500 trials.
_NUM_TREES, _NUM_TREES_OF_SAMPLE = 32, 8
#: More trials than this are thinned at random.
_MOST_TRIALS = 300
#: PED-ANOVA compares the best tenth with all.
_BEST_SHARE = 0.1
_STREAM = 3


@dataclass(frozen=True)
class Importance:
    """Share of one axis in the importance of all.

    Attributes:
        method: 'fanova': of the variance of the objective (Hutter et al. 2014); 'ped_anova': of what the best
            tenth of the trials has in common (Watanabe et al. 2023).
        path: The axis.
        share, low, high: Of all axes together 1, with the 95 % interval over samples of the trials.
    """

    method: str
    path: str
    share: float
    low: float
    high: float


def importances(
    space: Space, records: Sequence[TrialRecord], seed: int
) -> tuple[list[Importance], list[str]]:
    """Return the importance of every axis that all trials have, and a line for what cannot be said.

    A recipe counts once, with its first seed. Trials that were stopped by rank are left out, as are axes with
    a condition.

    Args:
        space: The run's.
        records: Its trials.
        seed: Of the samples.
    """
    values = {record.number: value for record in records if (value := _value(space, record)) is not None}
    used = [record for record in records if record.number in values]
    axes = [axis.path for axis in space.axes if not axis.when]
    if len(used) < LEAST_TRIALS:
        return [], [f"{len(used)} trials say nothing of importance yet: it takes {LEAST_TRIALS}"]
    generator = np.random.default_rng([seed, _STREAM])
    if len(used) > _MOST_TRIALS:
        chosen = np.sort(generator.choice(len(used), _MOST_TRIALS, replace=False))
        used = [used[index] for index in chosen]
    trials = [
        create_trial(
            state=TrialState.COMPLETE,
            value=values[record.number],
            params=(labels := _labels(record, axes)),
            distributions=distributions(space, labels),
        )
        for record in used
    ]
    numbers = np.array([values[record.number] for record in used])
    found, notes = list[Importance](), list[str]()
    if np.ptp(numbers) == 0:
        return [], ["all trials have the same value, so no axis matters to it"]
    methods: dict[str, Callable[[int], BaseImportanceEvaluator]] = {
        "fanova": lambda num_trees: FanovaImportanceEvaluator(n_trees=num_trees, seed=seed)
    }
    if problem := _ped_anova_problem(numbers):
        notes.append(problem)
    else:
        methods["ped_anova"] = lambda _: PedAnovaImportanceEvaluator(target_quantile=_BEST_SHARE)
    for method, make in methods.items():
        found += _with_intervals(method, make, trials, axes, generator)
    return found, notes


def _ped_anova_problem(values: np.ndarray) -> str | None:
    """Return why PED-ANOVA cannot say anything: it compares the best tenth, and ties make it arbitrary.

    Where the best tenth ends in a tie, as at chance where fewer than a tenth learned, all that tie are among
    the best, and the shares come out equal whatever the axes do (Optuna 5.0).
    """
    at = np.quantile(values, 1 - _BEST_SHARE, method="higher")
    num_best = int((values >= at).sum())
    if num_best > 2 * _BEST_SHARE * len(values) + 1:
        return (
            f"PED-ANOVA is left out: {num_best} of {len(values)} trials tie for the best "
            f"{_BEST_SHARE:.0%}, which it compares with the others"
        )
    return None


def _with_intervals(
    method: str,
    make: Callable[[int], BaseImportanceEvaluator],
    trials: Sequence[optuna.trial.FrozenTrial],
    axes: Sequence[str],
    generator: np.random.Generator,
) -> list[Importance]:
    whole = _shares(make(_NUM_TREES), trials, axes)
    samples = [whole]
    for _ in range(_NUM_SAMPLES):
        drawn = [trials[index] for index in generator.integers(len(trials), size=len(trials))]
        # Few trials above chance may be missing from a sample, which then says nothing.
        if len({trial.value for trial in drawn}) > 1:
            shares = _shares(make(_NUM_TREES_OF_SAMPLE), drawn, axes)
            samples += [shares] if sum(shares.values()) > 0 else []
    low, high = np.quantile(
        np.array([[one[path] for path in axes] for one in samples]), (0.025, 0.975), axis=0
    )
    entries = [
        Importance(method, path, whole[path], min(float(a), whole[path]), max(float(b), whole[path]))
        for path, a, b in zip(axes, low, high, strict=True)
    ]
    return sorted(entries, key=lambda one: -one.share)


def _shares(
    evaluator: BaseImportanceEvaluator, trials: Sequence[optuna.trial.FrozenTrial], axes: Sequence[str]
) -> dict[str, float]:
    """Return the share of each axis; 0 of one that has a single value among the trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(direction="maximize")
        study.add_trials(trials)
        varied = [path for path in axes if len({repr(trial.params[path]) for trial in trials}) > 1]
        raw: Mapping[str, float] = {}
        # A forest whose trees have all missed the few that differ.
        with suppress(RuntimeError):
            raw = evaluator.evaluate(study, params=varied) if varied else {}
    total = sum(raw.values())
    return {path: raw.get(path, 0.0) / total if total > 0 else 0.0 for path in axes}


def _value(space: Space, record: TrialRecord) -> float | None:
    """Return what importance is about, larger is better: the first objective, or the best score of a map."""
    if record.purpose not in ("default", "explore") or record.outcome in (None, "errored", "censored"):
        return None
    if space.objectives:
        return space.objectives[0].sign * record.objectives[0] if record.objectives else None
    return None if record.summary is None else record.summary.best_score


def _labels(record: TrialRecord, axes: Sequence[str]) -> dict[str, Any]:
    together = {**record.cell, **record.recipe}
    return {path: together[path] for path in axes}


def write_importance(run: Run) -> None:
    """Write importance.json of a run.

    Raises:
        UserError: Its configuration is not readable, or the folder cannot be written.
    """
    config = from_yaml(run.copy.config)
    found, notes = importances(config.space, run.records, config.seed)
    content = {"importances": [asdict(one) for one in found], "notes": notes}
    with report_disk_errors(run.folder):
        write_atomically(run.folder.importance, json.dumps(content, indent=1))
