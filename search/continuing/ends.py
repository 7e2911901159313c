"""What there is to train on, in words."""

from collections.abc import Iterable

from failmap.run_folder.paths import STATE_FILE, RunFolder
from failmap.run_folder.storage import store_of
from failmap.run_folder.wording import quantity


def num_kept_ends(folder: RunFolder, numbers: Iterable[int]) -> int:
    """Return of how many trials the state at the end is kept."""
    store = store_of(folder.path)
    return sum(store.exists(folder.trial(number).final / STATE_FILE) for number in numbers)


def to_train_on(num_trials: int, max_updates: int) -> str:
    """Return 'to train on first, up to 3,000 updates: 4 failed trials'."""
    return f"to train on first, up to {max_updates:,} updates: {quantity(num_trials, 'failed trial')}"
