"""A journal in memory: a source's, which nobody may write, or the one of a run that is being put together."""

import json
from collections.abc import Iterator
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial

from failmap.analysis.errors import UserError
from failmap.analysis.run_folder import RunFolder
from failmap.analysis.storage import is_local, store_of
from failmap.analysis.storage.object_logs import lines_of, read_segments
from failmap.analysis.storage.plain_files import MAX_LOG_BYTES


class MemoryJournal(BaseJournalBackend):
    """Lines of Optuna's journal; what is added stays here."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.num_read = 0

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The records from this number on. Raises ValueError where a line is none."""
        for number, line in enumerate(self.lines[log_number_from:], start=log_number_from + 1):
            self.num_read = number
            yield json.loads(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Adds records, each one line."""
        self.lines += (
            json.dumps(log, separators=(",", ":"), allow_nan=False).encode() + b"\n" for log in logs
        )


def read_trials(folder: RunFolder) -> tuple[FrozenTrial, ...]:
    """A run's trials by number, from its journal, which stays as it is: a torn last line is left out.

    Raises:
        UserError: a line is corrupt; it is named.
        OSError: the journal cannot be read.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = MemoryJournal(_lines(folder))
    try:
        storage = JournalStorage(journal)
        studies = storage.get_all_studies()
        # A run has one study, or none where its driver died at once.
        trials = storage.get_all_trials(studies[0]._study_id, deepcopy=False) if studies else []
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError):
        # Optuna trusts what it reads: a line that is JSON but no record shows itself while it is replayed.
        raise UserError(f"{folder.journal}, line {journal.num_read} is corrupt") from None
    return tuple(sorted(trials, key=lambda trial: trial.number))


def _lines(folder: RunFolder) -> list[bytes]:
    store = store_of(folder.path)
    if not is_local(folder.journal):
        return list(lines_of(read_segments(store, folder.journal)))
    if not store.exists(folder.journal):
        return []
    lines = store.read(folder.journal, MAX_LOG_BYTES).splitlines(keepends=True)
    return lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]
