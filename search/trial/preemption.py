"""Preemption of a worker: SIGTERM, some seconds before its machine is taken away."""

import signal
from types import FrameType

#: Seconds until the process ends in any case: clouds take a machine away 30 to 120 seconds after the signal.
GRACE_SECONDS = 60


class PreemptedError(Exception):
    """This worker has been preempted: its training is saved, and it accepts no other."""


class PreemptionFlag:
    """Remembers a SIGTERM, after which the process has some seconds to save its training and end.

    Create it in the main thread, the only one in which Python runs signal handlers. It replaces Ray's
    handler, which ends the process immediately.

    Attributes:
        is_set: Whether the signal has been received.
    """

    def __init__(self, grace_seconds: int = GRACE_SECONDS) -> None:
        self.is_set = False
        self._grace_seconds = grace_seconds
        signal.signal(signal.SIGTERM, self._set)

    def _set(self, number: int, frame: FrameType | None) -> None:
        if not self.is_set:
            self.is_set = True
            # Unhandled, SIGALRM ends a process even during a long call into C.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(self._grace_seconds)
