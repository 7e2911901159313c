"""The store of a path, and short forms of its methods."""

from functools import cache

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage.contract import Store
from failmap.run_folder.storage.location import AnyPath, is_local

#: Seconds that the first look at a storage may take before it is reported as not answering.
_FIRST_LOOK_SECONDS = 3.0


def store_of(path: AnyPath) -> Store:
    """Return the store that reads and writes a path."""
    return _store(is_local=is_local(path))


def check_location(location: AnyPath) -> None:
    """Check within seconds that a folder of runs can be reached. It may not exist yet.

    Raises:
        UserError: The endpoint does not answer, refuses the credentials, or has no such bucket.
    """
    if is_local(location):
        return
    from failmap.run_folder.storage.objects import ObjectFiles
    from failmap.run_folder.storage.retries import Backoff

    try:
        Backoff(_FIRST_LOOK_SECONDS).run(lambda: ObjectFiles().look_at(location))
    except OSError as error:
        raise UserError(f"storage={location}: {error.strerror or error}") from None


def write_atomically(path: AnyPath, content: str | bytes, *, survives_power_loss: bool = True) -> None:
    """Write a whole file, or leave the old one unchanged; text as UTF-8. Raises OSError."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    store_of(path).write(path, data, survives_power_loss=survives_power_loss)


def flag_exists(flag: AnyPath) -> bool:
    """Return whether a flag file exists, in one request, where `exists` may take two."""
    return bool(store_of(flag).read_many([flag]))


def read_text(path: AnyPath) -> str:
    """Return a whole text file. Raises OSError, and UnicodeDecodeError if it is not UTF-8."""
    return store_of(path).read(path).decode("utf-8")


@cache
def _store(*, is_local: bool) -> Store:
    from failmap.run_folder.storage.retries import LocalStore, ObjectStore

    return LocalStore() if is_local else ObjectStore()
