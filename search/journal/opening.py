"""Opening the journal at the location that a run's configuration names."""

from collections.abc import Callable

import optuna

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of
from failmap.search.config import RunConfig
from failmap.search.journal.log import Journal, open_log


def open_journal(
    config: RunConfig, folder: RunFolder, notice: Callable[[str], None], check: Callable[[], None]
) -> Journal:
    """Open a run's journal, or create it.

    Args:
        config: The run's configuration.
        folder: The run's folder, which exists.
        notice: Called with a line about every repair.
        check: The lease's check, called before anything is appended.

    Raises:
        UserError: It is corrupt, the database cannot be reached, or it belongs to another run.
        OSError: The run folder cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if config.journal is None:
        journal = open_log(folder.journal, folder.name, notice, check)
        if not journal.storage.get_all_studies() and store_of(folder.trials).list_folders(folder.trials):
            raise UserError(
                f"{folder.journal} holds no decision, and {folder.trials} holds trials: "
                "restore the file from a copy, or remove these trials to start over"
            )
        return journal
    # Imported here: it imports SQLAlchemy.
    from failmap.search.journal.database import open_database

    secret = config.journal_password
    password = None if secret is None else secret.get_secret_value()
    return open_database(config.journal, password, folder, check)
