"""The trials whose ends are kept, by their files."""

from collections.abc import Iterable

from failmap.run_folder.paths import STATE_FILE, RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.storage import store_of
from failmap.run_folder.wording import quantity


def kept_ends(folder: RunFolder, records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the failed trials of which the state at the end is kept."""
    store = store_of(folder.path)
    failed = (record for record in records if record.outcome == "failed")
    return [record for record in failed if store.exists(folder.trial(record.number).final / STATE_FILE)]


def to_train_on(folder: RunFolder, records: Iterable[TrialRecord], max_updates: int) -> str:
    """Return 'to train on first, up to 3,000 updates: 4 failed trials'."""
    shorter = [one for one in kept_ends(folder, records) if one.config["train"]["max_updates"] < max_updates]
    return f"to train on first, up to {max_updates:,} updates: {quantity(len(shorter), 'failed trial')}"
