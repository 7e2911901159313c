"""Run folders in an object store, through fsspec: s3fs, gcsfs, adlfs."""

import errno
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from upath import UPath

from failmap.run_folder.storage.bounded_files import MAX_BYTES, too_large
from failmap.run_folder.storage.location import AnyPath

_BOTOCORE = "botocore.exceptions"
#: HTTP statuses, and error codes of S3 with other statuses, after which the same request may succeed.
_PASSING_STATUSES = frozenset({408, 425, 429})
#: The last one: several create the same object at the same time, and none of them has yet.
_PASSING_CODES = frozenset(
    {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "ConditionalRequestConflict"}
)


def as_os_error(error: Exception, path: AnyPath) -> Exception:
    """Return the OSError that corresponds to a client's error, with a strerror that says what to do.

    An error that does not come from the store is a mistake of ours, and is returned unchanged.
    """
    where, (status, code) = str(path), _answer(error)
    if code == "NoSuchBucket":
        # Not ENOENT, because a missing file may be normal.
        return FileNotFoundError(
            errno.ENXIO, f"there is no bucket {_key(path).partition('/')[0]}: make it first", where
        )
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), where)
    # 412: s3fs 2026.9 knows it by a field of the answer that not every store sends.
    if isinstance(error, FileExistsError) or status == 412:
        return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), where)
    if status >= 500 or status in _PASSING_STATUSES or code in _PASSING_CODES:
        return OSError(errno.EAGAIN, f"the object store is overloaded or out of order ({code})", where)
    if isinstance(error, PermissionError) or status in (401, 403):
        reason = f" ({code})" if code else ""
        return PermissionError(
            errno.EACCES,
            f"the object store refuses these credentials{reason}: "
            "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do with the bucket",
            where,
        )
    if _is_of(_BOTOCORE, error, "NoCredentialsError", "PartialCredentialsError", "NoAuthTokenError"):
        return PermissionError(
            errno.EACCES, "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", where
        )
    is_broken = _is_of(_BOTOCORE, error, "ConnectionError", "HTTPClientError")
    if is_broken or _is_of("aiohttp", error, "ClientError"):
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        at = f" at {endpoint}" if endpoint else ""
        return OSError(
            errno.ETIMEDOUT, f"the object store does not answer{at}: look at AWS_ENDPOINT_URL", where
        )
    if isinstance(error, TimeoutError):
        return OSError(errno.ETIMEDOUT, "the object store does not answer", where)
    if isinstance(error, OSError):
        return OSError(error.errno or errno.EINVAL, str(error.strerror or error), where)
    if _is_of(_BOTOCORE, error, "BotoCoreError", "ClientError"):
        return OSError(errno.EINVAL, " ".join(str(error).split()), where)
    return error


def _answer(error: Exception) -> tuple[int, str]:
    """Return HTTP status and error code of the answer behind an error; 0 and '' if there was none."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            return status, str(response.get("Error", {}).get("Code", status))
    return 0, ""


def _is_of(library: str, error: Exception, *names: str) -> bool:
    """Return whether it is such an exception of a library. If that has raised, it is already imported."""
    module = sys.modules.get(library)
    return module is not None and isinstance(error, tuple(getattr(module, name) for name in names))


class ObjectFiles:
    """Objects by their keys; `Files` defines the methods. Folders do not exist by themselves."""

    poll_seconds = 2.0
    has_atomic_append = False

    def read(self, path: AnyPath, most_bytes: int = MAX_BYTES) -> bytes:
        """Send one request, without a range, which S3 refuses for an empty object."""
        with _as_os_errors(path):
            content: bytes = _client(path).cat_file(_key(path))
        _require_bounded(content, path, most_bytes)
        return content

    def read_many(self, paths: Sequence[AnyPath], most_bytes: int = MAX_BYTES) -> dict[AnyPath, bytes]:
        """Send one request per file, many of them at the same time."""
        if not paths:
            return {}
        # Not `cat(on_error="omit")`, which mistakes an endpoint that does not answer for a missing file.
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
        """Send one request for a file, two for a folder or if there is neither."""
        with _as_os_errors(path):
            return bool(_client(path).exists(_key(path)))

    def write(self, path: AnyPath, content: bytes, *, survives_power_loss: bool = True) -> None:
        """Send one request, several above 100 MB; others see the old object or the new one."""
        with _as_os_errors(path):
            _client(path).pipe_file(_key(path), content)

    def create(self, path: AnyPath, content: bytes) -> bool:
        """Send a request that the store refuses if the object exists."""
        try:
            with _as_os_errors(path):
                _client(path).pipe_file(_key(path), content, mode="create")
        except FileExistsError:
            return False
        return True

    def make_folder(self, path: AnyPath) -> None:
        """Do nothing: objects need no folder."""

    def list_folders(self, path: AnyPath) -> list[str]:
        """Send one request per 1,000 entries."""
        try:
            with _as_os_errors(path):
                entries = _client(path).ls(_key(path), detail=True)
        except FileNotFoundError:
            return []
        folders = (str(entry["name"]) for entry in entries if entry["type"] == "directory")
        return sorted(name.rstrip("/").rpartition("/")[2] for name in folders)

    def list_files(self, path: AnyPath) -> Mapping[str, str]:
        """Send one request per 1,000 files."""
        with _as_os_errors(path):
            entries = _client(path).find(_key(path), detail=True)
        prefix = f"{_key(path)}/"
        return {
            name.removeprefix(prefix): _version(entry)
            for name, entry in sorted(entries.items())
            if name.startswith(prefix)
        }

    def remove(self, path: AnyPath) -> None:
        """Send one request."""
        with suppress(FileNotFoundError), _as_os_errors(path):
            _client(path).rm_file(_key(path))

    def remove_tree(self, path: AnyPath) -> None:
        """Send one request per 1,000 files, and two to list them: s3fs hides what it cannot remove."""
        try:
            with _as_os_errors(path):
                _client(path).rm(_key(path), recursive=True)
        except FileNotFoundError:
            return
        if left := self.list_files(path):
            raise OSError(errno.EACCES, f"{len(left)} objects cannot be removed", str(path))

    def look_at(self, path: AnyPath) -> None:
        """Check in one request that the bucket exists and can be listed. Raises OSError."""
        try:
            with _as_os_errors(path):
                _client(path).ls(_key(path), detail=True)
        except FileNotFoundError as error:
            if error.errno != errno.ENOENT:
                raise


def _client(path: AnyPath) -> Any:
    """Return the client of a path's store, one per process."""
    assert isinstance(path, UPath)
    client = path.fs
    # s3fs has no option against its own retries, which would multiply ours.
    if hasattr(client, "retries"):
        client.retries = 1
    return client


def _require_bounded(content: bytes, path: AnyPath, most_bytes: int) -> None:
    if len(content) > most_bytes:
        raise too_large(path, most_bytes)


def _key(path: AnyPath) -> str:
    """Return bucket and key, the path within a store for fsspec."""
    assert isinstance(path, UPath)
    return path.path


def _version(entry: Mapping[str, Any]) -> str:
    """Return size and tag: S3 has `ETag`, the others `etag`."""
    return f"{entry.get('size')} {entry.get('ETag') or entry.get('etag') or entry.get('LastModified')}"


@contextmanager
def _as_os_errors(path: AnyPath) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # The clients' own exceptions have no common base.
        translated = as_os_error(error, path)
        if translated is error:
            raise
        raise translated from error
