"""A thread that notices when the head of a Ray cluster is gone."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType

_POLL_SECONDS = 2.0
#: Time that the main thread gets to react.
_GRACE_SECONDS = 10.0
#: Longest silence of the head while the session is being ended.
_ENDING_SECONDS = 4.0
_SIGNAL = signal.SIGUSR1


class ClusterLostError(BaseException):
    """The head has not answered for too long. Not an Exception: Tune would take it for a trial's."""


@contextmanager
def watch_head(
    address: str, lost_seconds: float, message: str, is_ending: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Raise ClusterLostError in the main thread, inside the context, once the head is gone.

    Ray's calls then block for ever, and only a signal interrupts them.

    Args:
        address: HOST:PORT of the head.
        lost_seconds: Seconds without an answer after which the head is lost; it may restart before.
        message: Printed if Ray does not release the main thread and the process has to exit at once.
        is_ending: Whether the session is being ended, in which no restart of the head is waited for.
    """
    over = threading.Event()
    main = threading.main_thread().ident
    assert main == threading.get_ident(), "signals reach the main thread only"

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not over.is_set():
            raise ClusterLostError

    def watch() -> None:
        host, _, port = address.rpartition(":")
        answered = monotonic()
        while not over.wait(_POLL_SECONDS):
            with suppress(OSError):
                socket.create_connection((host.strip("[]"), int(port)), timeout=_POLL_SECONDS).close()
                answered = monotonic()
            silent_seconds = monotonic() - answered
            limit = min(lost_seconds, _ENDING_SECONDS) if is_ending() else lost_seconds
            if silent_seconds >= limit + _GRACE_SECONDS:
                print(f"error: {message}", file=sys.stderr, flush=True)
                os._exit(2)
            if silent_seconds >= limit:
                # Repeatedly: Tune's cleanup waits for the head as well.
                signal.pthread_kill(main, _SIGNAL)

    previous = signal.signal(_SIGNAL, interrupt)
    watcher = threading.Thread(target=watch, name="failmap-head", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(_SIGNAL, previous)
