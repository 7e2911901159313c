"""What a study needs of a journal, wherever it lies."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from optuna.storages import BaseStorage


@dataclass(frozen=True)
class Journal:
    """An open journal. Its lease is checked before anything is added.

    Attributes:
        storage: Optuna's view of it; to be used within `errors_told`.
        study_name: under which the run's decisions stand in it.
        sync: waits until all that was added outlives this machine.
        close: ends connections, if it has any.
        errors_told: turns its own errors, other than OSError, into a UserError of one line.
    """

    storage: BaseStorage
    study_name: str
    sync: Callable[[], None]
    close: Callable[[], None]
    errors_told: Callable[[], AbstractContextManager[None]]
