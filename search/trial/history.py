"""A trial's history file, and the attempt number that fences its writers."""

from collections.abc import Callable
from time import monotonic

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import Evaluation, parse_history
from failmap.run_folder.storage import read_text, store_of, write_atomically

#: Maximum seconds before buffered evaluations are pushed to an object store, where a push rewrites the file.
PUSH_SECONDS = 30.0
_MAX_DIGITS = 9


class SupersededError(RuntimeError):
    """A later attempt of the same trial has begun elsewhere, so this one must not write."""


class History:
    """Appends evaluations to history.jsonl, for as long as this attempt is the trial's latest.

    On a disk each evaluation is written at once. On an object store they are buffered for at most
    `PUSH_SECONDS`, and pushed before each checkpoint, so that no checkpoint is ahead of the history.

    Args:
        folder: The trial's folder.
        is_current: Returns whether this attempt is still the latest.
        update: The checkpoint's update; later evaluations are cut off, because they will be repeated.

    Attributes:
        before: The evaluations of earlier attempts.

    Raises:
        SupersededError: A later attempt has begun.
    """

    def __init__(self, folder: TrialFolder, is_current: Callable[[], bool], update: int) -> None:
        self.folder = folder
        self.is_current = is_current
        self.require_current()
        store, path = store_of(folder.history), folder.history
        self._is_pushed_at_once = store.has_atomic_append
        self._log = store.open_log(path)
        found = list(parse_history(self._log.lines(), str(path)))
        self.before = [evaluation for evaluation in found if evaluation.update <= update]
        if len(self.before) < len(found):
            store.write(path, "".join(f"{evaluation.to_line()}\n" for evaluation in self.before).encode())
            self._log = store.open_log(path)
        self._pushed_at = monotonic()

    def append(self, evaluation: Evaluation) -> None:
        """Append one line. Raises SupersededError, and writes nothing, if a later attempt has begun."""
        if self._is_pushed_at_once:
            self.require_current()
        self._log.append([f"{evaluation.to_line()}\n".encode()])
        if not self._is_pushed_at_once and monotonic() - self._pushed_at >= PUSH_SECONDS:
            self.push()

    def amend(self, evaluation: Evaluation) -> None:
        """Replace the last line. Raises SupersededError, and writes nothing, if a later attempt has begun."""
        self.require_current()
        store, path = store_of(self.folder.history), self.folder.history
        self._log.sync()
        *before, _ = store.open_log(path).lines()
        store.write(path, b"".join([*before, f"{evaluation.to_line()}\n".encode()]))
        self._log = store.open_log(path)

    def push(self) -> None:
        """Make all appended evaluations visible to others. Raises SupersededError as `append` does."""
        self.require_current()
        if not self._is_pushed_at_once:
            self._log.sync()
            self._pushed_at = monotonic()

    def require_current(self) -> None:
        """Raise SupersededError if a later attempt has begun."""
        if not self.is_current():
            raise SupersededError(f"another attempt of trial {self.folder.path.name} has begun")


def current_attempt(folder: TrialFolder) -> int:
    """Return the attempt that may write, counted from 1, or 0 if the trial was never started.

    Raises:
        UserError: The file does not hold a number.
        OSError: The file cannot be read.
    """
    try:
        text = read_text(folder.attempt).strip()
    except FileNotFoundError:
        return 0
    except UnicodeDecodeError:
        text = ""
    if not text.isascii() or not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise UserError(f"{folder.attempt} does not hold an attempt number")
    return int(text)


def begin_attempt(folder: TrialFolder, attempt: int) -> None:
    """Let only this attempt write from now on. The number is kept durably in the journal, not here."""
    write_atomically(folder.attempt, f"{attempt}\n", survives_power_loss=False)
