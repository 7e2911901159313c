"""The thread of a training function, which hands over to the session at each report."""

import ctypes
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import torch

#: Seconds that a function has to return once it is told to stop, before its thread is interrupted; and after.
END_SECONDS, INTERRUPT_SECONDS = 10.0, 3.0
_POLL_SECONDS = 0.2


class StopTraining(BaseException):
    """Raised in a function that goes on after `trial.report` has returned True."""


@dataclass(frozen=True)
class Report:
    """What a function reports, checked."""

    update: int
    loss: float | None
    score: float
    validation_loss: float | None
    state: Any
    signals: dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """The end of a function: the error that it raised, or None if it returned."""

    error: BaseException | None


class FunctionThread:
    """Runs a function in a thread of its own, in turn with the thread that calls `resume`.

    Args:
        call: Calls the user's function.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._events: SimpleQueue[Report | Ended] = SimpleQueue()
        self._answers: SimpleQueue[bool | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_parked, self._has_ended = False, False
        self._was_told_to_stop = False
        self._pid = os.getpid()

    def resume(self, is_stopped: Callable[[], bool]) -> Report | Ended | None:
        """Run the function to its next report or its end, or return None once the session is stopped."""
        if self._thread is None:
            num_threads = torch.get_num_threads()
            self._thread = threading.Thread(target=self._run, args=(num_threads,), daemon=True)
            self._thread.start()
        else:
            self._answer(False)
        while True:
            try:
                return self._taken(self._events.get(timeout=_POLL_SECONDS))
            except Empty:
                if is_stopped():
                    return None

    def hand_over(self, report: Report) -> bool:
        """Wait in the function's thread until the session goes on, and return whether to stop.

        Raises:
            StopTraining: The function was told to stop before.
        """
        if self._was_told_to_stop:
            raise StopTraining
        self._events.put(report)
        answer = self._answers.get()
        if answer is None:
            raise StopTraining
        self._was_told_to_stop = answer
        return answer

    def end(self, patience: float = END_SECONDS) -> bool:
        """Tell the function to stop, wait, interrupt it if it goes on, and return whether it has ended.

        Args:
            patience: Seconds to wait before it is interrupted.
        """
        if self._thread is None or self._has_ended:
            return True
        self._was_told_to_stop = not self._is_parked
        if self._is_parked:
            self._answer(True)
        self._await_end(patience)
        if not self._has_ended and self._thread.ident is not None:
            # Reaches Python code only: a call into C ends first.
            identity = ctypes.c_ulong(self._thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(StopTraining))
            self._await_end(INTERRUPT_SECONDS)
        return self._has_ended

    def abandon(self) -> None:
        """Let a function that is at work end at its next report, without waiting for it."""
        self._was_told_to_stop = True
        if self._is_parked:
            self._is_parked = False
            self._answers.put(None)

    @property
    def is_in_child(self) -> bool:
        """Whether this is a process that the function has forked."""
        return os.getpid() != self._pid

    def _answer(self, stop: bool) -> None:
        self._is_parked = False
        self._answers.put(stop)

    def _taken(self, event: Report | Ended) -> Report | Ended:
        self._is_parked = isinstance(event, Report)
        self._has_ended = isinstance(event, Ended)
        return event

    def _await_end(self, seconds: float) -> None:
        try:
            event = self._taken(self._events.get(timeout=seconds))
        except Empty:
            return
        if isinstance(event, Report):
            self.abandon()
            self._await_end(seconds)

    def _run(self, num_threads: int) -> None:
        # The number of threads is each thread's own.
        torch.set_num_threads(num_threads)
        error: BaseException | None = None
        try:
            self._call()
        except StopTraining:
            pass
        except BaseException as raised:  # SystemExit, KeyboardInterrupt and the like end the trial only.
            error = raised
        if self.is_in_child:
            os._exit(0 if error is None else 1)
        self._events.put(Ended(error))
