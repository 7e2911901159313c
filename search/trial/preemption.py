"""How a worker is asked to leave its machine: by SIGTERM, some seconds before the machine goes."""

import signal
from types import FrameType

#: Then the process ends, whatever it does: clouds take a machine away 30 to 120 seconds after the signal.
GRACE_SECONDS = 60


class PreemptedError(Exception):
    """This worker was asked to leave: its training is saved, and it takes no other."""


class Leave:
    """Remembers a SIGTERM; the process has some seconds to save what it does and to end.

    Python runs handlers in the main thread only: make it there. Ray's own handler, which this one replaces,
    ends the process in the middle of whatever it does.

    Attributes:
        is_asked: the signal has come.
    """

    def __init__(self, grace_seconds: int = GRACE_SECONDS) -> None:
        self.is_asked = False
        self._grace_seconds = grace_seconds
        signal.signal(signal.SIGTERM, self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if not self.is_asked:
            self.is_asked = True
            # Unhandled, it ends a process even within a long call into C.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(self._grace_seconds)
