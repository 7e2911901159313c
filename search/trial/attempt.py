"""Which start of a trial may write into its folder: after a driver's death its worker may outlive it."""

from analysis.records import TrialFolder
from analysis.storage import read_text, write_atomically


def current_attempt(folder: TrialFolder) -> int:
    """The attempt that may write, from 1; 0 where the trial was never started."""
    try:
        return int(read_text(folder.attempt))
    except FileNotFoundError:
        return 0


def begin_attempt(folder: TrialFolder, attempt: int) -> None:
    """Says that from now on only this attempt may write. The journal keeps the number for good."""
    write_atomically(folder.attempt, f"{attempt}\n", survives_power_loss=False)
