"""The files under trials/ as the journal decides them: records, checkpoints, and what the journal lost."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.storage import is_local, store_of, write_atomically
from failmap.search.journal.trial_codec import record_of

#: Records that are read at the same time, some 4 kB each.
_BATCH = 1024


def records_behind(folder: RunFolder, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials whose records are missing, torn by a power loss, or older than the journal.

    On a disk, all records are read. In an object store, that would take a request each; but a record grows
    when its trial ends and is not written again, so that the sizes in one listing settle most ended trials.

    Args:
        folder: The run's folder.
        trials: All trials of the journal.

    Raises:
        OSError: The folder cannot be read.
    """
    store = store_of(folder.path)
    states = {} if is_local(folder.path) else store.list_files(folder.trials)
    unverified = [
        trial for trial in trials if not _has_final_size(trial, states.get(f"{trial.number}/record.json"))
    ]
    behind = []
    for begin in range(0, len(unverified), _BATCH):
        batch = unverified[begin : begin + _BATCH]
        paths = [folder.trial(trial.number).record for trial in batch]
        found = store.read_many(paths)
        behind += [t for t, path in zip(batch, paths, strict=True) if _is_behind(found.get(path), t)]
    return behind


def _has_final_size(trial: FrozenTrial, state: str | None) -> bool:
    if state is None or not trial.state.is_finished():
        return False
    return state.partition(" ")[0] == str(len(record_of(trial).to_json().encode()))


def _is_behind(written: bytes | None, trial: FrozenTrial) -> bool:
    if written is None:
        return True
    try:
        record = TrialRecord.from_json(written.decode("utf-8"))
    except ValueError:
        return True
    expected = record_of(trial)
    return (record.attempt, record.ended, record.faults) != (
        expected.attempt,
        expected.ended,
        expected.faults,
    )


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
        behind = records_behind(self._folder, trials)
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
