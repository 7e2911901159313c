"""Run folders in an object store, through fsspec: s3fs, gcsfs, adlfs."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from upath import UPath

from failmap.analysis.storage.object_errors import as_os_error
from failmap.analysis.storage.place import AnyPath
from failmap.analysis.storage.plain_files import MAX_BYTES, too_large


class ObjectFiles:
    """Objects by their keys: `Files` tells what each method promises. Folders are nothing of their own."""

    poll_seconds = 2.0
    has_atomic_append = False

    def read(self, path: AnyPath, most_bytes: int = MAX_BYTES) -> bytes:
        """One request. No range is asked for: S3 has none in an empty object."""
        with _as_os_errors(path):
            content: bytes = _client(path).cat_file(_key(path))
        _require_bounded(content, path, most_bytes)
        return content

    def read_many(self, paths: Sequence[AnyPath], most_bytes: int = MAX_BYTES) -> dict[AnyPath, bytes]:
        """A request each, many at the same time."""
        if not paths:
            return {}
        # Not `cat(on_error="omit")`: it takes an endpoint that does not answer for a missing file.
        answers = _client(paths[0]).cat_ranges(list(map(_key, paths)), None, None, on_error="return")
        found = {}
        for path, answer in zip(paths, answers, strict=True):
            if not isinstance(answer, Exception):
                _require_bounded(answer, path, most_bytes)
                found[path] = answer
            elif not isinstance(error := as_os_error(answer, path), FileNotFoundError):
                raise error from answer
        return found

    def exists(self, path: AnyPath) -> bool:
        """One request where it is a file, two where it is a folder or nothing."""
        with _as_os_errors(path):
            return bool(_client(path).exists(_key(path)))

    def write(self, path: AnyPath, content: bytes, *, survives_power_loss: bool = True) -> None:
        """One request, several above 100 MB: others see the old object or the new one."""
        with _as_os_errors(path):
            _client(path).pipe_file(_key(path), content)

    def create(self, path: AnyPath, content: bytes) -> bool:
        """A request that the store refuses where there is such an object."""
        try:
            with _as_os_errors(path):
                _client(path).pipe_file(_key(path), content, mode="create")
        except FileExistsError:
            return False
        return True

    def make_folder(self, path: AnyPath) -> None:
        """Nothing to do."""

    def list_folders(self, path: AnyPath) -> list[str]:
        """One request for each 1,000 entries."""
        try:
            with _as_os_errors(path):
                entries = _client(path).ls(_key(path), detail=True)
        except FileNotFoundError:
            return []
        return sorted(_name(entry) for entry in entries if entry["type"] == "directory")

    def list_files(self, path: AnyPath) -> Mapping[str, str]:
        """One request for each 1,000 files."""
        with _as_os_errors(path):
            entries = _client(path).find(_key(path), detail=True)
        prefix = f"{_key(path)}/"
        return {
            name.removeprefix(prefix): _version(entry)
            for name, entry in sorted(entries.items())
            if name.startswith(prefix)
        }

    def remove(self, path: AnyPath) -> None:
        """One request."""
        try:
            with _as_os_errors(path):
                _client(path).rm_file(_key(path))
        except FileNotFoundError:
            return

    def remove_tree(self, path: AnyPath) -> None:
        """A request for each 1,000 files, and two to list them: s3fs does not tell of those it could not
        remove."""
        try:
            with _as_os_errors(path):
                _client(path).rm(_key(path), recursive=True)
        except FileNotFoundError:
            return
        if left := self.list_files(path):
            raise OSError(errno.EACCES, f"{len(left)} objects cannot be removed", str(path))

    def look_at(self, path: AnyPath) -> None:
        """Raises OSError where the bucket is missing or may not be listed. One request."""
        try:
            with _as_os_errors(path):
                _client(path).ls(_key(path), detail=True)
        except FileNotFoundError as error:
            if error.errno != errno.ENOENT:
                raise


def _client(path: AnyPath) -> Any:
    """The client of a path's store, one a process."""
    assert isinstance(path, UPath)
    client = path.fs
    # s3fs' own repetitions, below ours: it has no option for them.
    if hasattr(client, "retries"):
        client.retries = 1
    return client


def _require_bounded(content: bytes, path: AnyPath, most_bytes: int) -> None:
    if len(content) > most_bytes:
        raise too_large(path, most_bytes)


def _key(path: AnyPath) -> str:
    """The bucket and what comes after it, as fsspec has it."""
    assert isinstance(path, UPath)
    return path.path


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]


def _version(entry: Mapping[str, Any]) -> str:
    """By size and the store's own tag: `ETag` of S3, `etag` of the others."""
    return f"{entry.get('size')} {entry.get('ETag') or entry.get('etag') or entry.get('LastModified')}"


@contextmanager
def _as_os_errors(path: AnyPath) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # What a client raises of its own has no common base: what it is, `as_os_error` tells.
        told = as_os_error(error, path)
        if told is error:
            raise
        raise told from error
