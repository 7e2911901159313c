"""Optuna's journal in a file with one writer, kept whole whatever kills the writer or fills the disk."""

import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from analysis.errors import UserError
from analysis.storage.local import cut_torn_line


class JournalFile(BaseJournalBackend):
    """The lines of a journal. The caller makes sure, by the run's lock, that nobody else writes them.

    Optuna reads back every record it has just written; those are kept at hand, so that the file itself is
    read once. A record is on its way to the disk when `append_logs` returns, which outlives the process;
    it outlives the machine after `sync`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self.num_lines = 0
        self._is_read = False
        self._unread: deque[bytes] = deque()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The records from this number on.

        Raises:
            UserError: a line is not a record.
        """
        if not self._is_read:
            assert log_number_from == 0, "the file is read from its beginning"
            yield from self._read_file()
            self._is_read = True
        while self.num_lines - len(self._unread) < log_number_from:
            self._unread.popleft()
        for line in list(self._unread):
            yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Adds records, each one line, all or none.

        Raises:
            OSError: the disk is full or the like; the file is as it was.
        """
        assert self._is_read
        lines = [json.dumps(log, separators=(",", ":"), allow_nan=False).encode() + b"\n" for log in logs]
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            size = os.fstat(handle).st_size
            try:
                _write_all(handle, b"".join(lines))
            except OSError:
                # A part of a line would glue onto the next one.
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)
        self._unread.extend(lines)
        self.num_lines += len(lines)

    def sync(self) -> None:
        """Waits until all that was appended is on the disk."""
        handle = os.open(self.path, os.O_WRONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _read_file(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            for line in file:
                self.num_lines += 1
                try:
                    record = json.loads(line)
                except ValueError:
                    record = None
                if not isinstance(record, dict) or not isinstance(record.get("op_code"), int):
                    raise UserError(_corrupt(self.path, self.num_lines))
                yield record


def open_journal(path: Path, notice: Callable[[str], None]) -> tuple[JournalFile, JournalStorage]:
    """Opens a run's journal, or begins it. What a crash left of a last line is cut off, and told.

    Raises:
        UserError: a line is corrupt; it is named.
        OSError: the file cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if num_bytes := cut_torn_line(path):
        notice(f"{path}: cut off the last line, which a crash had left torn ({num_bytes} bytes)")
    journal = JournalFile(path)
    try:
        return journal, JournalStorage(journal)
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        # Optuna trusts what it reads: a line that is JSON but no record shows itself while it is replayed.
        raise UserError(_corrupt(path, journal.num_lines)) from error


def _corrupt(path: Path, line: int) -> str:
    return (
        f"{path}, line {line} is corrupt: no record of Optuna's journal. "
        "Restore the file from a copy, or delete this line and all below it to go on from there"
    )


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
