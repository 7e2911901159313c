"""The encoding of one trial in the journal, and its decoding."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from optuna.trial import FrozenTrial, TrialState, create_trial

from failmap.run_folder.records import Fault, Intervention, Origin, Outcome, Summary, TrialRecord
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.samplers.base import distributions
from failmap.search.space import Space
from failmap.search.trial.config import TrialConfig

#: Optuna's states are fewer than our outcomes: the summary holds the exact one.
STATES: dict[Outcome, TrialState] = {
    "learned": TrialState.COMPLETE,
    "failed": TrialState.COMPLETE,
    "censored": TrialState.PRUNED,
    "errored": TrialState.FAIL,
}


def new_entry(space: Space, job: NextTrial, *, is_exempt: bool) -> FrozenTrial:
    """Return a starting trial with all its attributes, so that the journal appends one record.

    An intervention has the parameters of the trial that it changes, which every sampler can read.
    """
    cell, recipe = job.cell.as_dict(), space.recipe_labels(job.recipe)
    changed = {} if job.intervention is None else {"intervention": asdict(job.intervention)}
    return create_trial(
        state=TrialState.RUNNING,
        params={**cell, **recipe},
        distributions=distributions(space, {**cell, **recipe}),
        user_attrs={
            "cell": cell,
            "recipe": recipe,
            "recipe_index": job.recipe_index,
            "purpose": job.purpose,
            "seed": job.seed,
            "attempt": 1,
            "exempt": is_exempt,
            "config": job.config.model_dump(mode="json"),
            **changed,
        },
    )


def config_of(trial: FrozenTrial) -> TrialConfig:
    """Return the configuration that the trial is trained with: its batch may have been halved."""
    return TrialConfig.model_validate(_config_values(trial.user_attrs))


def faults_of(trial: FrozenTrial) -> tuple[Fault, ...]:
    """Return what ended the trial's earlier attempts; older journals have no faults."""
    return tuple(Fault(**fault) for fault in trial.user_attrs.get("faults", []))


def halvings_of(trial: FrozenTrial) -> int:
    """Return how often the trial's batch was halved."""
    halvings: int = trial.user_attrs.get("batch_halvings", 0)
    return halvings


def origin_of(trial: FrozenTrial) -> Origin | None:
    """Return the run in which the trial started, or None if it is this run."""
    stored = trial.user_attrs.get("origin")
    return None if stored is None else Origin(**stored)


def summary_of(trial: FrozenTrial) -> Summary | None:
    """Return the trial's summary, or None if it has not ended."""
    values = trial.user_attrs.get("summary")
    return None if values is None else Summary.from_dict(values)


def values_told(summary: Summary) -> list[float] | None:
    """Return the values that Optuna stores with the state: the score, or None after an error."""
    return None if summary.outcome == "errored" else [summary.score]


def known_trial(trial: FrozenTrial, space: Space) -> KnownTrial:
    """Return the trial as the driver keeps it in memory."""
    attributes = trial.user_attrs
    note = KnownTrial(
        trial.number,
        space.cell(attributes["cell"]),
        attributes["recipe_index"],
        attributes["purpose"],
        attributes["seed"],
        intervention=_intervention_of(attributes),
    )
    summary = summary_of(trial)
    if summary is not None:
        note.outcome, note.score = summary.outcome, summary.score
    elif trial.last_step is not None:
        note.score = trial.intermediate_values[trial.last_step]
    return note


def record_of(trial: FrozenTrial) -> TrialRecord:
    """Return the trial's record.json, a function of the journal alone."""
    attributes: dict[str, Any] = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        attempt=attributes["attempt"],
        config=_config_values(attributes),
        cell=attributes["cell"],
        recipe=attributes["recipe"],
        recipe_index=attributes["recipe_index"],
        purpose=attributes["purpose"],
        seed=attributes["seed"],
        started=_with_zone(cast(datetime, trial.datetime_start)),
        ended=None if trial.datetime_complete is None else _with_zone(trial.datetime_complete),
        summary=summary_of(trial),
        intervention=_intervention_of(attributes),
        faults=faults_of(trial),
        batch_halvings=halvings_of(trial),
        origin=origin_of(trial),
    )


def _config_values(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the original configuration with the halvings of its batch applied."""
    config: dict[str, Any] = attributes["config"]
    halvings = attributes.get("batch_halvings", 0)
    if not halvings:
        return config
    train = config["train"]
    assert isinstance(train["batch_size"], int), "only a batch of known size is halved"
    return {**config, "train": {**train, "batch_size": train["batch_size"] >> halvings}}


def _intervention_of(attributes: dict[str, Any]) -> Intervention | None:
    """Return the trial's intervention; older journals have none."""
    stored = attributes.get("intervention")
    return None if stored is None else Intervention(**stored)


def _with_zone(local: datetime) -> str:
    """Return a time in ISO 8601 with its zone: Optuna stores local times without one."""
    return local.astimezone().isoformat(timespec="milliseconds")
