"""Storage that fails temporarily: an S3 server behind a failing proxy, and errors of a disk."""

import errno
import os
import secrets
from pathlib import Path
from typing import Any

import pytest

from failmap.run_folder.storage import AnyPath, parse_location, store_of
from failmap.run_folder.storage.retries import Backoff, ObjectStore, is_transient


@pytest.fixture
def folder(failing_s3: Any) -> AnyPath:
    return parse_location(f"s3://runs-of-tests/{secrets.token_hex(4)}")


@pytest.mark.parametrize("mood", ["busy", "hangs up", "loses answers"])
class TestFailingObjectStore:
    def test_files_are_read_and_written(self, failing_s3: Any, folder: AnyPath, mood: str) -> None:
        store = store_of(folder)
        for action in (
            lambda: store.write(folder / "file", b"content"),
            lambda: store.read(folder / "file") == b"content",
            lambda: store.exists(folder / "file"),
            lambda: len(store.read_many([folder / "file", folder / "missing"])) == 1,
            lambda: store.list_files(folder).keys() == {"file"},
            lambda: store.remove(folder / "file"),
        ):
            failing_s3.fail(mood, times=1)
            assert action() in (True, None)
            assert failing_s3.failures_left == 0

    def test_create_reports_who_created(self, failing_s3: Any, folder: AnyPath, mood: str) -> None:
        failing_s3.fail(mood, times=2)
        assert store_of(folder).create(folder / "lock", b"mine")
        failing_s3.fail(mood, times=2)
        assert not store_of(folder).create(folder / "lock", b"another's")

    def test_log_has_each_line_once(self, failing_s3: Any, folder: AnyPath, mood: str) -> None:
        path, lines = folder / "journal.log", []
        for session in range(2):
            failing_s3.fail(mood, times=1)
            log = store_of(path).open_segments(path)
            assert list(log.lines()) == lines
            for number in range(2):
                lines.append(b"%d.%d" % (session, number) + b"x" * 140_000 + b"\n")
                log.append(lines[-1:])
                failing_s3.fail(mood, times=1)
                log.sync()
                assert failing_s3.failures_left == 0
        assert list(store_of(path).open_segments(path).lines()) == lines


def test_who_creates_a_file_at_the_same_time_as_another_tries_again(failing_s3: Any, folder: AnyPath) -> None:
    failing_s3.fail("conflicts", times=2)
    assert store_of(folder).create(folder / "lock", b"mine")
    failing_s3.fail("exists", times=1)
    assert not store_of(folder).create(folder / "another", b"mine")


def test_error_after_the_last_retry(failing_s3: Any, folder: AnyPath) -> None:
    failing_s3.fail("busy")
    with pytest.raises(OSError, match="overloaded") as error:
        ObjectStore(Backoff(limit_seconds=0.3)).write(folder / "file", b"content")
    assert error.value.errno == errno.EAGAIN
    assert str(error.value.filename) == str(folder / "file")
    assert failing_s3.num_requests > 2


def test_failed_sync_of_a_log_is_repeated_later(failing_s3: Any, folder: AnyPath) -> None:
    path, store = folder / "history.jsonl", ObjectStore(Backoff(limit_seconds=0.1))
    log = store.open_log(path)
    log.append([b"first\n"])
    failing_s3.fail("hangs up")
    with pytest.raises(OSError, match="does not answer"):
        log.sync()
    failing_s3.fail("well")
    log.append([b"second\n"])
    log.sync()
    assert store.read(path) == b"first\nsecond\n"


class Fails:
    """Raises an error a number of times, then returns the number of calls."""

    def __init__(self, number: int, times: int) -> None:
        self.number = number
        self.times = times
        self.num_calls = 0

    def __call__(self) -> int:
        self.num_calls += 1
        if self.num_calls <= self.times:
            raise OSError(self.number, os.strerror(self.number), "file")
        return self.num_calls


@pytest.mark.parametrize("name", ["EIO", "ESTALE", "ETIMEDOUT", "ECONNRESET", "EAGAIN"])
def test_transient_error_is_retried(name: str) -> None:
    assert Backoff().run(Fails(getattr(errno, name), times=2)) == 3


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EACCES", "EROFS", "ENOENT", "ENOTDIR"])
def test_permanent_error_is_raised_at_once(name: str) -> None:
    action = Fails(getattr(errno, name), times=1)
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
        Backoff().run(action)
    assert action.num_calls == 1


def test_is_transient() -> None:
    assert not is_transient(OSError(errno.ENOSPC, "full"))
    assert is_transient(TimeoutError("of a client, without a number"))


def test_full_disk_leaves_a_log_unchanged(tmp_path: Path) -> None:
    # A limit of the file's size acts like a full disk: the kernel writes a part.
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "journal.log"
    log = store_of(path).open_segments(path)
    log.append([b"x" * 999 + b"\n"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            log.append([b"y" * 999 + b"\n"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.stat().st_size == 1000
    log.append([b"z\n"])
    assert path.read_bytes().endswith(b"x\nz\n")
