"""The files under trials/ as the journal decides them: records, checkpoints, and what the journal lost."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of, write_atomically
from failmap.search.journal.recovery import records_behind
from failmap.search.journal.trial_codec import record_of


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
