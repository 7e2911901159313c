"""Stores that retry transient errors for a bounded time."""

import errno
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import ParamSpec, TypeVar

from failmap.run_folder.storage.bounded_files import MAX_BYTES
from failmap.run_folder.storage.contract import Files, Log
from failmap.run_folder.storage.local import LocalFiles, LocalLog
from failmap.run_folder.storage.location import AnyPath
from failmap.run_folder.storage.object_logs import ObjectLog, SegmentLog
from failmap.run_folder.storage.objects import ObjectFiles

P = ParamSpec("P")
T = TypeVar("T")

#: Transient errors of a network share, a network, or an overloaded store. A full disk, missing rights and
#: missing files are not transient.
_TRANSIENT = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.EAGAIN,
        errno.ETIMEDOUT,
        errno.ECONNRESET,
        errno.ECONNREFUSED,
        errno.ECONNABORTED,
        errno.EPIPE,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EREMOTEIO,
    }
)

#: Seconds during which one access is retried, and the delays in between, which double.
LIMIT_SECONDS = 60.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 5.0

#: Files that are requested at the same time.
_BATCH = 256


def is_transient(error: OSError) -> bool:
    """Return whether the same access may succeed a little later."""
    return error.errno in _TRANSIENT or isinstance(error, TimeoutError | ConnectionError)


class Backoff:
    """Retries of transient errors.

    Delays double, and are drawn between half and whole, so that many workers do not return at once
    (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter).

    Args:
        limit_seconds: Seconds from the first failure, by a monotonic clock.
    """

    def __init__(self, limit_seconds: float = LIMIT_SECONDS) -> None:
        self.limit_seconds = limit_seconds

    def run(self, action: Callable[[], T], again: Callable[[], T] | None = None) -> T:
        """Return the action's result. After a failure, `again` is tried, by default the same action.

        Raises:
            OSError: The last error, if it is not transient or the time is up.
        """
        try:
            return action()
        except OSError as error:
            if not is_transient(error):
                raise
        deadline = time.monotonic() + self.limit_seconds
        wait = _FIRST_WAIT_SECONDS
        while True:
            time.sleep(wait * random.uniform(0.5, 1.0))
            try:
                return (again or action)()
            except OSError as error:
                if not is_transient(error) or time.monotonic() >= deadline:
                    raise
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def retrying(self, action: Callable[P, T]) -> Callable[P, T]:
        """Return an action that may be repeated, with retries."""
        return lambda *args, **kwargs: self.run(partial(action, *args, **kwargs))


class RetryingFiles:
    """Files with retries: see `Files` for the contract of each method."""

    def __init__(self, files: Files, backoff: Backoff) -> None:
        self.files = files
        self.backoff = backoff
        self.has_atomic_append = files.has_atomic_append
        self.read = backoff.retrying(files.read)
        self.exists = backoff.retrying(files.exists)
        self.write = backoff.retrying(files.write)
        self.make_folder = backoff.retrying(files.make_folder)
        self.list_folders = backoff.retrying(files.list_folders)
        self.list_files = backoff.retrying(files.list_files)
        self.remove = backoff.retrying(files.remove)
        self.remove_tree = backoff.retrying(files.remove_tree)

    @property
    def poll_seconds(self) -> float:
        """Return the storage's own interval."""
        return self.files.poll_seconds

    def read_many(self, paths: Sequence[AnyPath], most_bytes: int = MAX_BYTES) -> dict[AnyPath, bytes]:
        """Read in batches, so that a failure does not repeat everything."""
        found: dict[AnyPath, bytes] = {}
        for begin in range(0, len(paths), _BATCH):
            batch = paths[begin : begin + _BATCH]
            found |= self.backoff.run(partial(self.files.read_many, batch, most_bytes))
        return found

    def create(self, path: AnyPath, content: bytes) -> bool:
        """Create a file. If an answer was lost and the file has our content, this process has created it."""
        return self.backoff.run(
            lambda: self.files.create(path, content),
            lambda: self.files.create(path, content) or self.files.read(path) == content,
        )


class LocalStore(RetryingFiles):
    """A disk or a network share."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        super().__init__(LocalFiles(), backoff or Backoff())

    def open_log(self, path: AnyPath) -> Log:
        """Open the file itself."""
        return _RetryingLog(self.backoff.run(lambda: LocalLog(path)), self.backoff)

    def open_segments(self, path: AnyPath) -> Log:
        """Open the file itself: a disk appends."""
        return self.open_log(path)


class ObjectStore(RetryingFiles):
    """A bucket."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        super().__init__(ObjectFiles(), backoff or Backoff())

    def open_log(self, path: AnyPath) -> Log:
        """Open one object. Its requests are retried; it needs no retries of its own."""
        return ObjectLog(self, path)

    def open_segments(self, path: AnyPath) -> Log:
        """Open a folder of objects, as above."""
        return SegmentLog(self, path)


class _RetryingLog:
    """A log on a disk. A failed append leaves it unchanged, so that a retry repeats nothing."""

    def __init__(self, log: LocalLog, backoff: Backoff) -> None:
        self.torn_bytes = log.torn_bytes
        self.lines = log.lines
        self.append = backoff.retrying(log.append)
        # Not retried: after an EIO, Linux drops what it could not write and reports success at the second
        # attempt (https://lwn.net/Articles/752063). The caller must know.
        self.sync = log.sync
