"""Optuna's journal as a log of lines in the run folder, which survives crashes and full disks."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import AnyPath, Log, is_local, store_of
from failmap.run_folder.storage.bounded_files import MAX_LOG_BYTES
from failmap.run_folder.storage.object_logs import lines_of, read_segments


@dataclass(frozen=True)
class Journal:
    """An open journal. The run's lease is checked before anything is appended.

    Attributes:
        storage: Optuna's view of it, to be used inside `translate_errors`.
        study_name: The study that holds the run's decisions.
        sync: Waits until everything appended survives the loss of this machine.
        close: Closes connections, if there are any.
        translate_errors: Turns the journal's own errors, except OSError, into a UserError of one line.
    """

    storage: BaseStorage
    study_name: str
    sync: Callable[[], None]
    close: Callable[[], None]
    translate_errors: Callable[[], AbstractContextManager[None]]


class LogBackend(BaseJournalBackend):
    """The lines of a journal. The caller ensures, by the run's lease, that there is no other writer.

    Optuna reads back every record that it has just written; these are kept in memory, so that the log itself
    is read once.
    """

    def __init__(
        self,
        path: AnyPath,
        lines: Iterable[bytes],
        log: Log | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.num_lines = 0
        self._lines = lines
        self._log = log
        self._check = check
        self._is_read = False
        self._unread: deque[bytes] = deque()

    def __getstate__(self) -> dict[str, Any]:
        """Push what was appended, so that a copy in another process finds it."""
        if self._log is not None:
            self._check()
            self._log.sync()
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy that only reads, and once: the run's lease is with the process of the original."""
        self.__init__(state["path"], _whole_lines(state["path"]))  # type: ignore[misc]

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the records from this number on.

        Raises:
            UserError: A line is not a record.
        """
        if not self._is_read:
            assert log_number_from == 0, "the log is read from its beginning"
            for line in self._lines:
                self.num_lines += 1
                yield self._record(line)
            self._is_read = True
        while self.num_lines - len(self._unread) < log_number_from:
            self._unread.popleft()
        for line in list(self._unread):
            yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, one line each, all or none.

        Raises:
            UserError: Another driver has taken over the run.
            OSError: The disk is full or the like; the log is unchanged.
        """
        assert self._is_read
        assert self._log is not None, "this log is only read"
        # Optuna's own backend writes NaN and Infinity, too: its studies may have them. Ours does not.
        lines = [json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs]
        self._check()
        self._log.append(lines)
        self._unread.extend(lines)
        self.num_lines += len(lines)

    def _record(self, line: bytes) -> dict[str, Any]:
        with suppress(ValueError, RecursionError):
            record = json.loads(line)
            if isinstance(record, dict) and isinstance(record.get("op_code"), int):
                return record
        raise self.corrupt()

    def corrupt(self) -> UserError:
        """Return the error that the last line that was read is no record."""
        return UserError(
            f"{self.path}, line {self.num_lines} is corrupt: no record of Optuna's journal. "
            "Restore the file from a copy, or delete this line and all below it to continue from there"
        )


def open_log(
    path: AnyPath, study_name: str, notice: Callable[[str], None], check: Callable[[], None]
) -> Journal:
    """Open a run's log, or create it. A torn last line is cut off.

    Args:
        path: The log.
        study_name: The name in a new log; an existing log keeps its name, as folders are renamed.
        notice: Called with a line if something was cut off.
        check: Called before anything is appended.

    Raises:
        UserError: A line is corrupt; it is named.
        OSError: The log cannot be read or written.
    """
    log = store_of(path).open_segments(path)
    if log.torn_bytes:
        notice(f"{path}: cut off the last line, which a crash had torn ({log.torn_bytes} bytes)")
    backend = LogBackend(path, log.lines(), log, check)
    storage = _replay(backend)
    names = [study.study_name for study in storage.get_all_studies()]

    def sync() -> None:
        check()
        log.sync()

    return Journal(storage, names[0] if names else study_name, sync, lambda: None, nullcontext)


def read_trials(path: AnyPath) -> tuple[FrozenTrial, ...]:
    """Return the trials of a log by number. The log is not changed: a torn last line is ignored.

    Raises:
        UserError: A line is corrupt; it is named.
        OSError: The log cannot be read.
    """
    storage = _replay(LogBackend(path, _whole_lines(path)))
    studies = storage.get_all_studies()
    # A log has one study, or none if its driver died at once.
    trials = storage.get_all_trials(studies[0]._study_id, deepcopy=False) if studies else []
    return tuple(sorted(trials, key=lambda trial: trial.number))


def _whole_lines(path: AnyPath) -> Iterator[bytes]:
    store = store_of(path)
    if not is_local(path):
        yield from lines_of(read_segments(store, path))
    elif store.exists(path):
        lines = store.read(path, MAX_LOG_BYTES).splitlines(keepends=True)
        yield from lines[:-1] if lines and not lines[-1].endswith(b"\n") else lines


def _replay(backend: LogBackend) -> JournalStorage:
    try:
        return JournalStorage(backend)
    except UserError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # Optuna trusts what it reads: a line that is JSON but no record fails when it is replayed.
        raise backend.corrupt() from error
