"""The file that a worker appends its evaluations to."""

from collections.abc import Callable

from analysis.records import Evaluation, TrialFolder, read_history
from analysis.storage import write_atomically
from analysis.storage.local import cut_torn_line


class SupersededError(RuntimeError):
    """A later attempt of the same trial has begun elsewhere: this one must not write any more."""


class History:
    """Appends evaluations to history.jsonl, for as long as this attempt is the trial's latest.

    Args:
        folder: the trial's.
        is_current: says whether this attempt is still the latest.
        update: the checkpoint's: evaluations after it are cut off, for they will be made again.
    """

    def __init__(self, folder: TrialFolder, is_current: Callable[[], bool], update: int) -> None:
        self.folder = folder
        self.is_current = is_current
        self.require_current()
        path = folder.history
        cut_torn_line(path)
        kept = [evaluation.to_line() for evaluation in read_history(path) if evaluation.update <= update]
        write_atomically(path, "".join(f"{line}\n" for line in kept))

    def append(self, evaluation: Evaluation) -> None:
        """Adds one line. Raises SupersededError, and writes nothing, if a later attempt has begun."""
        self.require_current()
        with self.folder.history.open("a", encoding="utf-8") as file:
            file.write(f"{evaluation.to_line()}\n")

    def require_current(self) -> None:
        """Raises SupersededError if a later attempt has begun: whoever is about to write asks first."""
        if not self.is_current():
            raise SupersededError(f"another attempt of trial {self.folder.path.name} has begun")
