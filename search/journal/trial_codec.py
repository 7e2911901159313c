"""What the journal holds of one trial, and how it is read back."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from optuna.trial import FrozenTrial, TrialState, create_trial

from failmap.run_folder.records import Fault, Intervention, Origin, Outcome, Summary, TrialRecord
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.allocation.needs import KnownTrial
from failmap.search.samplers.base import distributions
from failmap.search.space import Space
from failmap.search.trial.config import TrialConfig

#: The exact outcome is in the summary: Optuna's states are fewer.
STATES: dict[Outcome, TrialState] = {
    "learned": TrialState.COMPLETE,
    "failed": TrialState.COMPLETE,
    "censored": TrialState.PRUNED,
    "errored": TrialState.FAIL,
}


def new_entry(space: Space, job: NextTrial, *, is_exempt: bool) -> FrozenTrial:
    """A trial that begins, with all that is known of it, so that the journal takes it as one record.

    An intervention has the parameters of what was changed, which every sampler can read.
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
    """The very configuration that the trial is trained with: its batch may have been halved."""
    return TrialConfig.model_validate(_config_values(trial.user_attrs))


def faults_of(trial: FrozenTrial) -> tuple[Fault, ...]:
    """What ended its earlier starts; journals of before there were faults do not say."""
    return tuple(Fault(**fault) for fault in trial.user_attrs.get("faults", []))


def halvings_of(trial: FrozenTrial) -> int:
    """How often its batch was halved."""
    halvings: int = trial.user_attrs.get("batch_halvings", 0)
    return halvings


def origin_of(trial: FrozenTrial) -> Origin | None:
    """In which other run it was begun; None for a trial of this run's own."""
    stored = trial.user_attrs.get("origin")
    return None if stored is None else Origin(**stored)


def summary_of(trial: FrozenTrial) -> Summary | None:
    """How it ended; None where it has not."""
    values = trial.user_attrs.get("summary")
    return None if values is None else Summary.from_dict(values)


def values_told(summary: Summary) -> list[float] | None:
    """What Optuna is told beside the state: the score of a trial that went to its end."""
    return None if summary.outcome == "errored" else [summary.score]


def known_trial(trial: FrozenTrial, space: Space) -> KnownTrial:
    """What the driver keeps of it."""
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
    """What its record.json must say: a function of the journal alone."""
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
    """The configuration as it was begun with, less the halvings of its batch."""
    config: dict[str, Any] = attributes["config"]
    halvings = attributes.get("batch_halvings", 0)
    if not halvings:
        return config
    train = config["train"]
    assert isinstance(train["batch_size"], int), "who halves a batch knows its size"
    return {**config, "train": {**train, "batch_size": train["batch_size"] >> halvings}}


def _intervention_of(attributes: dict[str, Any]) -> Intervention | None:
    """What was changed; journals of before there were interventions do not say."""
    stored = attributes.get("intervention")
    return None if stored is None else Intervention(**stored)


def _with_zone(local: datetime) -> str:
    """Optuna keeps local times without their zone."""
    return local.astimezone().isoformat(timespec="milliseconds")
