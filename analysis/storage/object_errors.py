"""What the clients of object stores raise, as the operating system would have said it."""

import errno
import os
import sys

from failmap.analysis.storage.place import AnyPath

#: HTTP statuses, and codes of S3 under other statuses, after which the same request may succeed.
_PASSING_STATUSES = frozenset({408, 425, 429})
_PASSING_CODES = frozenset({"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException"})


def as_os_error(error: Exception, path: AnyPath) -> Exception:
    """The OSError that a client's error stands for, with a strerror that says what to do.

    An error that is none of the store's comes back as it is: it is our mistake.
    """
    where, (status, code) = str(path), _answer(error)
    if code == "NoSuchBucket":
        # Another number than that of a missing file, which may be normal.
        return FileNotFoundError(errno.ENXIO, f"there is no bucket {_bucket(path)}: make it first", where)
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), where)
    if isinstance(error, FileExistsError):
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
    if _is_of_botocore(error, "NoCredentialsError", "PartialCredentialsError", "NoAuthTokenError"):
        return PermissionError(
            errno.EACCES, "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", where
        )
    if _is_of_botocore(error, "ConnectionError", "HTTPClientError") or _is_of_aiohttp(error):
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        at = f" at {endpoint}" if endpoint else ""
        return OSError(
            errno.ETIMEDOUT, f"the object store does not answer{at}: look at AWS_ENDPOINT_URL", where
        )
    if isinstance(error, TimeoutError):
        return OSError(errno.ETIMEDOUT, "the object store does not answer", where)
    if isinstance(error, OSError):
        return OSError(error.errno or errno.EINVAL, str(error.strerror or error), where)
    if _is_of_botocore(error, "BotoCoreError", "ClientError"):
        return OSError(errno.EINVAL, " ".join(str(error).split()), where)
    return error


def _answer(error: Exception) -> tuple[int, str]:
    """HTTP status and code of the answer that an error came from; 0 and '' where there was none."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            return status, str(response.get("Error", {}).get("Code", status))
    return 0, ""


def _bucket(path: AnyPath) -> str:
    return str(path).partition("://")[2].partition("/")[0]


def _is_of_botocore(error: Exception, *names: str) -> bool:
    """Whether it is one of botocore's errors, which is not imported for it: where it raises, it is there."""
    module = sys.modules.get("botocore.exceptions")
    return module is not None and isinstance(error, tuple(getattr(module, name) for name in names))


def _is_of_aiohttp(error: Exception) -> bool:
    """Whether the connection broke while an answer was read."""
    module = sys.modules.get("aiohttp")
    return module is not None and isinstance(error, module.ClientError)
