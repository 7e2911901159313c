"""Trials in the journal: their encoding, and the files under trials/, which follow from it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from optuna.trial import FrozenTrial, TrialState, create_trial

from failmap.run_folder.paths import STATE_FILE, RunFolder
from failmap.run_folder.records import (
    Fault,
    FutilityCheck,
    Intervention,
    Origin,
    Outcome,
    Summary,
    TrialRecord,
)
from failmap.run_folder.storage import is_local, store_of, write_atomically
from failmap.run_folder.storage.bounded_files import MAX_TENSOR_BYTES
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import NextTrial
from failmap.search.own.config import AnyTrialConfig, parse_trial_config
from failmap.search.samplers.base import distributions
from failmap.search.space import Space

#: Optuna's states are fewer than our outcomes: the summary holds the exact one.
STATES: dict[Outcome, TrialState] = {
    "learned": TrialState.COMPLETE,
    "failed": TrialState.COMPLETE,
    "censored": TrialState.PRUNED,
    "errored": TrialState.FAIL,
}
#: Records that are read at the same time, some 4 kB each.
_BATCH = 1024


def new_entry(
    space: Space, job: NextTrial, *, is_exempt: bool, futility: FutilityCheck | None
) -> FrozenTrial:
    """Return a starting trial with all its attributes, so that the journal appends one record.

    An intervention has the parameters of the trial that it changes, which every sampler can read.
    """
    cell, recipe = job.cell.as_dict(), space.recipe_labels(job.recipe)
    changed: dict[str, Any] = {} if job.intervention is None else {"intervention": asdict(job.intervention)}
    if futility is not None:
        changed["futility"] = asdict(futility)
    if job.continues is not None:
        changed["continues"] = job.continues
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


def config_of(trial: FrozenTrial) -> AnyTrialConfig:
    """Return the configuration that the trial is trained with: its batch may have been halved."""
    return parse_trial_config(_config_values(trial.user_attrs))


def faults_of(trial: FrozenTrial) -> tuple[Fault, ...]:
    """Return what ended the trial's earlier attempts; older journals have no faults."""
    return tuple(Fault(**fault) for fault in trial.user_attrs.get("faults", []))


def summary_of(trial: FrozenTrial) -> Summary | None:
    """Return the trial's summary, or None if it has not ended."""
    values = trial.user_attrs.get("summary")
    return None if values is None else Summary.from_dict(values)


def known_trial(trial: FrozenTrial, record: TrialRecord, space: Space) -> KnownTrial:
    """Return the trial as the driver keeps it in memory, given its record."""
    known = KnownTrial.of_record(record, space)
    if known.outcome is None and trial.last_step is not None:
        known.score = trial.intermediate_values[trial.last_step]
    return known


def record_of(trial: FrozenTrial) -> TrialRecord:
    """Return the trial's record.json, a function of the journal alone; older ones lack some attributes."""
    attributes: dict[str, Any] = trial.user_attrs
    intervention, origin = attributes.get("intervention"), attributes.get("origin")
    futility = attributes.get("futility")
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
        intervention=None if intervention is None else Intervention(**intervention),
        faults=faults_of(trial),
        batch_halvings=attributes.get("batch_halvings", 0),
        futility=None if futility is None else FutilityCheck(**futility),
        origin=None if origin is None else Origin(**origin),
        continues=attributes.get("continues"),
    )


def _config_values(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the original configuration with the halvings of its batch applied."""
    config: dict[str, Any] = attributes["config"]
    if not (num_halvings := attributes.get("batch_halvings", 0)):
        return config
    train = config["train"]
    assert isinstance(train["batch_size"], int), "only a batch of known size is halved"
    return {**config, "train": {**train, "batch_size": train["batch_size"] >> num_halvings}}


def _with_zone(local: datetime) -> str:
    """Return a time in ISO 8601 with its zone: Optuna stores local times without one."""
    return local.astimezone().isoformat(timespec="milliseconds")


class TrialFiles:
    """The driver's side of the trials' folders. Every method may raise OSError."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._store = store_of(folder.path)
        self._unknown: set[str] = set()

    def recover(self, trials: Sequence[FrozenTrial]) -> int:
        """Bring the files of all trials up to the journal after a crash, and return how many were behind."""
        # After a power loss there may be folders of trials that the journal never knew.
        folders = self._store.list_folders(self._folder.trials)
        self._unknown = {name for name in folders if not name.isdecimal() or int(name) >= len(trials)}
        behind = [*self._behind(trials)]
        for trial in behind:
            if trial.state.is_finished():
                self.drop_checkpoint(trial.number)
            self.write_record(trial)
        return len(behind)

    def clear(self, number: int) -> None:
        """Remove what a trial of this number may have left that the journal never knew."""
        folder = self._folder.trial(number)
        if folder.path.name in self._unknown:
            self._store.remove_tree(folder.path)

    def write_record(self, trial: FrozenTrial) -> None:
        """Write record.json. A record that a power loss takes comes back from the journal."""
        path = self._folder.trial(trial.number).record
        write_atomically(path, record_of(trial).to_json(), survives_power_loss=False)

    def drop_checkpoint(self, number: int) -> None:
        """Remove the checkpoint of a trial that will not continue from it."""
        self._store.remove_tree(self._folder.trial(number).checkpoint)

    def begin_from(self, number: int, source: int) -> None:
        """Give a trial the history and the end of another one, if that is still kept, to continue from."""
        mine, other = self._folder.trial(number), self._folder.trial(source)
        paths = {other.final / STATE_FILE: mine.checkpoint / STATE_FILE, other.history: mine.history}
        found = self._store.read_many(list(paths), MAX_TENSOR_BYTES)
        if len(found) == len(paths):
            for path, content in found.items():
                self._store.write(paths[path], content)

    def final_bytes(self, number: int) -> int:
        """Return the size of the state that is kept of a trial's end; 0 if none is."""
        state = self._store.list_files(self._folder.trial(number).final).get(STATE_FILE, "0")
        return int(state.partition(" ")[0])

    def drop_final(self, number: int) -> None:
        """Remove what is kept of a trial's end."""
        self._store.remove_tree(self._folder.trial(number).final)

    def _behind(self, trials: Sequence[FrozenTrial]) -> Iterator[FrozenTrial]:
        """Yield the trials whose records are missing, torn by a power loss, or older than the journal.

        On a disk, all records are read. In an object store, that would take a request each; but a record
        grows when its trial ends and is not written again, so that the sizes in one listing settle most ended
        trials.
        """
        states = {} if is_local(self._folder.path) else self._store.list_files(self._folder.trials)
        unverified = [t for t in trials if not _has_final_size(t, states.get(f"{t.number}/record.json", ""))]
        for begin in range(0, len(unverified), _BATCH):
            batch = {self._folder.trial(t.number).record: t for t in unverified[begin : begin + _BATCH]}
            found = self._store.read_many([*batch])
            yield from (trial for path, trial in batch.items() if _is_behind(found.get(path), trial))


def _has_final_size(trial: FrozenTrial, state: str) -> bool:
    """Return whether a record's state in a listing, which begins with its size, is that of an ended trial."""
    if not (state and trial.state.is_finished()):
        return False
    return state.partition(" ")[0] == str(len(record_of(trial).to_json().encode()))


def _is_behind(written: bytes | None, trial: FrozenTrial) -> bool:
    try:
        record = TrialRecord.from_json(written or b"")
    except ValueError:
        return True
    expected = record_of(trial)
    return (record.attempt, record.ended, record.faults) != (
        expected.attempt,
        expected.ended,
        expected.faults,
    )
