"""What a run folder's place must be able to do, and which place does it how."""

from functools import cache

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage.contract import Store
from failmap.run_folder.storage.location import AnyPath, is_local

#: Seconds that the first look at a storage may take before the user is told that it does not answer.
_FIRST_LOOK_SECONDS = 3.0


def store_of(path: AnyPath) -> Store:
    """Who reads and writes files there."""
    return _local_store() if is_local(path) else _object_store()


def check_location(place: AnyPath) -> None:
    """Looks whether a folder of runs can be reached, within seconds. It may not exist yet.

    Raises:
        UserError: the endpoint does not answer, refuses the credentials, or has no such bucket.
    """
    if is_local(place):
        return
    from failmap.run_folder.storage.objects import ObjectFiles
    from failmap.run_folder.storage.retries import Backoff

    try:
        Backoff(_FIRST_LOOK_SECONDS).run(lambda: ObjectFiles().look_at(place))
    except OSError as error:
        raise UserError(f"storage={place}: {error.strerror or error}") from None


def write_atomically(path: AnyPath, content: str | bytes, *, survives_power_loss: bool = True) -> None:
    """Writes a whole file, or leaves the old one as it was; text as UTF-8. Raises OSError."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    store_of(path).write(path, data, survives_power_loss=survives_power_loss)


def flag_exists(flag: AnyPath) -> bool:
    """Whether a file exists whose being there says something. One request, where `exists` may take two."""
    return bool(store_of(flag).read_many([flag]))


def read_text(path: AnyPath) -> str:
    """A whole text file. Raises OSError, and UnicodeDecodeError where it is not UTF-8."""
    return store_of(path).read(path).decode("utf-8")


@cache
def _local_store() -> Store:
    from failmap.run_folder.storage.retries import LocalStore

    return LocalStore()


@cache
def _object_store() -> Store:
    from failmap.run_folder.storage.retries import ObjectStore

    return ObjectStore()
