"""A journal in PostgreSQL, in Optuna's own storage: a study with the run's name."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.study import StudyDirection
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from failmap.run_folder.errors import UserError
from failmap.run_folder.parsing import ParseError, parse
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of
from failmap.search.journal.address import SCHEME
from failmap.search.journal.log import Journal
from failmap.search.new_run import resume_command

#: The attribute of a study that identifies its run folder.
_RUN_ID = "failmap_run_id"


def open_database(
    address: str, password: str | None, folder: RunFolder, check: Callable[[], None]
) -> Journal:
    """Open a run's study in a database, or create it.

    Args:
        address: The address without a password.
        password: None if PGPASSWORD or ~/.pgpass has it, or none is needed.
        folder: The run's folder, which exists. It stores the name of its study, so that it can be renamed.
        check: Called before every commit.

    Raises:
        UserError: The database cannot be reached or refuses, lacks the study, or has it for another run.
        OSError: The run folder cannot be read or written.
    """
    translate_errors = partial(translate_database_errors, address, folder)
    with translate_errors():
        backend = _connect(address, password)
        event.listen(backend.scoped_session, "before_commit", lambda session: check())
        storage = get_storage(backend)
        try:
            study_name = _claim(storage, address, folder)
        except BaseException:
            backend.engine.dispose()
            raise
    # Every commit is on the server's disk when it returns.
    return Journal(storage, study_name, lambda: None, backend.engine.dispose, translate_errors)


@contextmanager
def translate_database_errors(address: str, folder: RunFolder) -> Iterator[None]:
    """Turn errors of the database into a UserError of one line.

    Raises:
        UserError: It cannot be reached, refuses, or the like.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        root: BaseException = error
        while root.__cause__ is not None:
            root = root.__cause__
        lines = [line.strip() for line in str(root).splitlines() if line.strip()]
        why = lines[0] if lines else type(root).__name__
        raise UserError(
            f"journal={address}: {why}; nothing that was finished is lost. "
            f"Once that is fixed, continue with {resume_command(folder)}"
        ) from None


def _connect(address: str, password: str | None) -> RDBStorage:
    arguments = {"connect_timeout": 10} | ({} if password is None else {"password": password})
    options = {"pool_pre_ping": True, "connect_args": arguments}
    url = address.replace(f"{SCHEME}://", f"{SCHEME}+psycopg://", 1)
    try:
        return RDBStorage(url, engine_kwargs=options)
    except (IntegrityError, ProgrammingError):
        # Runs that start together in an empty database all create its tables; the second attempt finds them.
        return RDBStorage(url, engine_kwargs=options)


def _claim(storage: BaseStorage, address: str, folder: RunFolder) -> str:
    """Return the name of the run's study, which is created if it does not exist. Another run's is refused."""
    study_name, run_id = _identity(folder)
    try:
        study_id = storage.get_study_id_from_name(study_name)
    except KeyError:
        if store_of(folder.trials).list_folders(folder.trials):
            raise UserError(
                f"journal={address}: has no study {study_name}, which holds the decisions of this run: "
                "restore the database from a copy"
            ) from None
        try:
            study_id = storage.create_new_study([StudyDirection.MAXIMIZE], study_name)
        except DuplicatedStudyError:
            study_id = storage.get_study_id_from_name(study_name)
        storage.set_study_user_attr(study_id, _RUN_ID, run_id)
    owner = storage.get_study_user_attrs(study_id).get(_RUN_ID)
    if owner is None and not storage.get_all_trials(study_id, deepcopy=False):
        # Its driver died between the two commits that begin a study.
        storage.set_study_user_attr(study_id, _RUN_ID, run_id)
        return study_name
    if owner != run_id:
        raise UserError(
            f"journal={address}: its study {study_name} belongs to another run: give this one another name "
            "by run=NAME"
        )
    return study_name


def _identity(folder: RunFolder) -> tuple[str, str]:
    """Return the name of the run's study, and a random id that tells it from runs of the same name."""
    path = folder.path / "journal.json"
    store = store_of(path)
    new = {"study": folder.name, "run_id": secrets.token_hex(8)}
    if store.create(path, json.dumps(new).encode()):
        return new["study"], new["run_id"]
    try:
        values = parse(dict[str, str], store.read(path))
        return values["study"], values["run_id"]
    except (ParseError, KeyError):
        raise UserError(f"{path} does not name the study that holds this run's decisions") from None
