"""Notices that a cluster's head is gone, and ends the driver in bounded time."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

_LOOK_EVERY_SECONDS = 2.0
#: How long the main thread may take to hear of it.
_LET_GO_SECONDS = 10.0
_SIGNAL = signal.SIGUSR1


class ClusterLostError(BaseException):
    """The head has been silent for too long. No Exception: Tune would take it for a trial's."""


@contextmanager
def watch_head(address: str, lost_seconds: float, last_words: str) -> Iterator[None]:
    """Raises ClusterLostError in the main thread, from within the context, once the head is gone.

    Ray's calls wait for ever then, and let nothing through but a signal.

    Args:
        address: of the head, host:port.
        lost_seconds: without an answer, until it is lost; a head may be started anew meanwhile.
        last_words: what is told where Ray does not let go of the main thread, and the process ends at once.
    """
    over = threading.Event()
    main = threading.main_thread().ident
    assert main == threading.get_ident(), "signals reach the main thread only"

    def tell(number: int, frame: FrameType | None) -> None:
        if not over.is_set():
            raise ClusterLostError

    def watch() -> None:
        answered = monotonic()
        while not over.wait(_LOOK_EVERY_SECONDS):
            if _answers(address):
                answered = monotonic()
            elif monotonic() - answered >= lost_seconds:
                if monotonic() - answered >= lost_seconds + _LET_GO_SECONDS:
                    print(f"error: {last_words}", file=sys.stderr, flush=True)
                    os._exit(2)
                # Again and again: what Tune does to clean up waits for the head as well.
                signal.pthread_kill(main, _SIGNAL)

    previous = signal.signal(_SIGNAL, tell)
    watcher = threading.Thread(target=watch, name="failmap-head", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(_SIGNAL, previous)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_LOOK_EVERY_SECONDS).close()
    except OSError:
        return False
    return True
