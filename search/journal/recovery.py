"""Trial records that a crash has left behind the journal, found in few requests."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.storage import is_local, store_of
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
