"""Optuna's journal as lines in the run folder, kept whole whatever kills its one writer or fills the disk."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import AnyPath, Log, store_of


@dataclass(frozen=True)
class Journal:
    """An open journal. Its lease is checked before anything is added.

    Attributes:
        storage: Optuna's view of it; to be used within `translate_errors`.
        study_name: under which the run's decisions stand in it.
        sync: waits until all that was added outlives this machine.
        close: ends connections, if it has any.
        translate_errors: turns its own errors, other than OSError, into a UserError of one line.
    """

    storage: BaseStorage
    study_name: str
    sync: Callable[[], None]
    close: Callable[[], None]
    translate_errors: Callable[[], AbstractContextManager[None]]


class LogBackend(BaseJournalBackend):
    """The lines of a journal. The caller makes sure, by the run's lease, that nobody else writes them.

    Optuna reads back every record it has just written; those are kept at hand, so that the log itself is
    read once.
    """

    def __init__(self, path: AnyPath, log: Log, check: Callable[[], None]) -> None:
        self.path = path
        self.num_lines = 0
        self._log = log
        self._check = check
        self._is_read = False
        self._unread: deque[bytes] = deque()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The records from this number on.

        Raises:
            UserError: a line is not a record.
        """
        if not self._is_read:
            assert log_number_from == 0, "the log is read from its beginning"
            yield from self._read_log()
            self._is_read = True
        while self.num_lines - len(self._unread) < log_number_from:
            self._unread.popleft()
        for line in list(self._unread):
            yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Adds records, each one line, all or none.

        Raises:
            UserError: another driver has taken the run over.
            OSError: the disk is full or the like; the log is as it was.
        """
        assert self._is_read
        lines = [json.dumps(log, separators=(",", ":"), allow_nan=False).encode() + b"\n" for log in logs]
        self._check()
        self._log.append(lines)
        self._unread.extend(lines)
        self.num_lines += len(lines)

    def sync(self) -> None:
        """Waits until all that was added outlives this machine. Raises as `append_logs` does."""
        self._check()
        self._log.sync()

    def _read_log(self) -> Iterator[dict[str, Any]]:
        for line in self._log.lines():
            self.num_lines += 1
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict) or not isinstance(record.get("op_code"), int):
                raise UserError(_corrupt(self.path, self.num_lines))
            yield record


def open_log(
    path: AnyPath, study_name: str, notice: Callable[[str], None], check: Callable[[], None]
) -> Journal:
    """Opens a run's log, or begins it. What a crash left of a last line is cut off, and told.

    Args:
        path: the log.
        study_name: for a new one; later the name in the log counts, for folders are renamed.
        notice: is told of what was cut off.
        check: is called before anything is added.

    Raises:
        UserError: a line is corrupt; it is named.
        OSError: the log cannot be read or written.
    """
    log = store_of(path).open_segments(path)
    if log.torn_bytes:
        notice(f"{path}: cut off the last line, which a crash had left torn ({log.torn_bytes} bytes)")
    backend = LogBackend(path, log, check)
    try:
        storage = JournalStorage(backend)
    except UserError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # Optuna trusts what it reads: a line that is JSON but no record shows itself while it is replayed.
        raise UserError(_corrupt(path, backend.num_lines)) from error
    names = [study.study_name for study in storage.get_all_studies()]
    return Journal(storage, names[0] if names else study_name, backend.sync, lambda: None, nullcontext)


def _corrupt(path: AnyPath, line: int) -> str:
    return (
        f"{path}, line {line} is corrupt: no record of Optuna's journal. "
        "Restore the file from a copy, or delete this line and all below it to go on from there"
    )
