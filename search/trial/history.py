"""The file that a worker appends its evaluations to."""

from collections.abc import Callable
from time import monotonic

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import Evaluation, parse_history
from failmap.run_folder.storage import read_text, store_of, write_atomically

#: Seconds that evaluations wait at most where each push is a request and writes the file anew.
PUSH_SECONDS = 30.0


class SupersededError(RuntimeError):
    """A later attempt of the same trial has begun elsewhere: this one must not write any more."""


class History:
    """Appends evaluations to history.jsonl, for as long as this attempt is the trial's latest.

    On a disk each is written at once. On an object store they wait, at most `PUSH_SECONDS`, and are pushed
    before each checkpoint: no checkpoint there is ahead of the history there.

    Args:
        folder: the trial's.
        is_current: says whether this attempt is still the latest.
        update: the checkpoint's: evaluations after it are cut off, for they will be made again.
    """

    def __init__(self, folder: TrialFolder, is_current: Callable[[], bool], update: int) -> None:
        self.folder = folder
        self.is_current = is_current
        self.require_current()
        store, path = store_of(folder.history), folder.history
        self._is_pushed_at_once = store.has_atomic_append
        self._log = store.open_log(path)
        before = list(parse_history(self._log.lines(), str(path)))
        kept = [evaluation for evaluation in before if evaluation.update <= update]
        if len(kept) < len(before):
            store.write(path, "".join(f"{one.to_line()}\n" for one in kept).encode())
            self._log = store.open_log(path)
        self._pushed_at = monotonic()

    def append(self, evaluation: Evaluation) -> None:
        """Adds one line. Raises SupersededError, and writes nothing, if a later attempt has begun."""
        line = f"{evaluation.to_line()}\n".encode()
        if self._is_pushed_at_once:
            self.require_current()
            self._log.append([line])
            return
        self._log.append([line])
        if monotonic() - self._pushed_at >= PUSH_SECONDS:
            self.push()

    def push(self) -> None:
        """Lets others see what was appended. Raises SupersededError as above."""
        self.require_current()
        if not self._is_pushed_at_once:
            self._log.sync()
            self._pushed_at = monotonic()

    def require_current(self) -> None:
        """Raises SupersededError if a later attempt has begun: whoever is about to write asks first."""
        if not self.is_current():
            raise SupersededError(f"another attempt of trial {self.folder.path.name} has begun")


_MAX_DIGITS = 9


def current_attempt(folder: TrialFolder) -> int:
    """The attempt that may write, from 1; 0 where the trial was never started.

    Raises:
        UserError: the file says something else.
        OSError: it cannot be read.
    """
    try:
        text = read_text(folder.attempt).strip()
    except FileNotFoundError:
        return 0
    except UnicodeDecodeError:
        text = ""
    if not text.isascii() or not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise UserError(f"{folder.attempt}: not the number of an attempt")
    return int(text)


def begin_attempt(folder: TrialFolder, attempt: int) -> None:
    """Says that from now on only this attempt may write. The journal keeps the number for good."""
    write_atomically(folder.attempt, f"{attempt}\n", survives_power_loss=False)
