"""What a worker process does: one trial after the other, and whatever goes wrong becomes a result."""

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import torch

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Evaluation, FaultKind, Summary, TrialRecord
from failmap.run_folder.storage import flag_exists, read_text
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.history import SupersededError, current_attempt
from failmap.search.trial.memory import (
    describe_size,
    free_memory,
    is_device_broken,
    is_out_of_memory,
    limit_memory,
)
from failmap.search.trial.preemption import PreemptedError
from failmap.search.trial.session import TrialSession

#: What a trial may raise: none of it may end the process, which the next trials use, too.
_OF_THE_TRIAL = (Exception, SystemExit, KeyboardInterrupt)


class BrokenDeviceError(Exception):
    """A trial has broken the GPU for its whole process, which must be replaced."""


class Worker:
    """Runs trials of one run in this process.

    Args:
        run: the run's folder, which this host must see.
        device: 'cpu' or 'cuda'.
        num_threads: torch threads.
        keep: whose weights stay after the end.
        test: look at the test set once, at each trial's end.
        memory_bytes: what a trial may take of the host's memory; None for no limit.
        is_preempted: whether this process was asked to leave its machine.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        device: str,
        num_threads: int,
        keep: str,
        test: bool,
        memory_bytes: int | None = None,
        is_preempted: Callable[[], bool] = lambda: False,
    ) -> None:
        torch.set_num_threads(num_threads)
        # Drivers of GPUs reserve far more address space than they use.
        if memory_bytes is not None and device == "cpu":
            limit_memory(memory_bytes)
        self.is_preempted = is_preempted
        self.run = run
        self.device = torch.device(device)
        self.keep = keep
        self.test = test
        self.config: TrialConfig | None = None
        self.session: TrialSession | None = None
        self.failure: BaseException | None = None

    def begin(self, number: int, attempt: int) -> None:
        """Opens a trial; its configuration is in the record that the driver wrote.

        Raises:
            PreemptedError: this process takes no trial any more.
        """
        if self.is_preempted():
            raise PreemptedError(_preemption_text())
        folder = self.run.trial(number)
        self.leave()
        self.session = None
        self.failure = None
        if flag_exists(self.run.stop):
            return
        try:
            record = TrialRecord.from_json(read_text(folder.record))
            self.config = TrialConfig.model_validate(record.config)
            self.session = TrialSession(
                self.config,
                folder,
                self.device,
                is_current=lambda: current_attempt(folder) == attempt,
                is_stop_asked=lambda: self.is_preempted() or flag_exists(self.run.stop),
                keep=_keep(record, self.keep),
                test=self.test,
            )
        except _OF_THE_TRIAL as error:
            self.failure = error

    def leave(self) -> None:
        """Lets go of a trial that was stopped by rank: some of its evaluations may wait to be pushed."""
        if self.session is not None and self.session.summary is None:
            with suppress(SupersededError, OSError):
                self.session.leave()

    def advance(self) -> dict[str, Any]:
        """Trains to the next evaluation.

        Returns:
            update and score (None where there was no evaluation), done, fault (what is wrong with the
            storage, or None), ended_by (the kind of fault that ended the trial, or None), and the summary as
            it stands, as JSON (Tune flattens nested results): its outcome is None while the trial goes on,
            or was interrupted.

        Raises:
            PreemptedError: this process was asked to leave; the trial is saved.
            BrokenDeviceError: no trial can run in this process any more.
        """
        try:
            if self.failure is not None:
                raise self.failure
            if self.session is None:
                return _result(None, Summary(outcome=None, reason="interrupted"), done=True)
            evaluation = self.session.advance()
        except SupersededError as error:
            return _result(None, Summary(outcome=None, reason=str(error)), done=True)
        except OSError as error:
            if is_out_of_memory(error):
                return self._errored(error)
            # The storage failed, not the trial: it stays unfinished, and the driver ends the search.
            where = error.filename or self.run.path
            fault = f"a worker on {socket.gethostname()} cannot write {where}: {error.strerror or error}"
            return _result(None, Summary(outcome=None, reason=fault), done=True, fault=fault)
        except _OF_THE_TRIAL as error:
            return self._errored(error)
        summary = self.session.summary
        if summary is None:
            return _result(evaluation, self.session.summarise(None, "training"), done=False)
        if summary.outcome is None and self.is_preempted():
            raise PreemptedError(_preemption_text())
        return _result(evaluation, summary, done=True)

    def _errored(self, error: BaseException) -> dict[str, Any]:
        """What an exception of the trial comes to. Nothing of the trial stays in this process.

        Raises:
            BrokenDeviceError: no trial can run in this process any more.
        """
        self.session, self.failure = None, None
        ended_by: FaultKind = "error"
        reason = _one_line(error)
        if is_out_of_memory(error):
            size = "" if self.config is None else f" at {describe_size(self.config)}"
            reason, ended_by = f"out of memory{size}: {reason}", "out_of_memory"
        if is_device_broken(error):
            raise BrokenDeviceError(reason) from None
        free_memory(error)
        return _result(None, Summary(outcome="errored", reason=reason), done=True, ended_by=ended_by)


def _preemption_text() -> str:
    return f"the worker on {socket.gethostname()} was asked to leave (SIGTERM)"


def _keep(record: TrialRecord, keep: str) -> str:
    """Whose weights stay: another trial starts from a donor's, whatever the run keeps."""
    is_donor = record.intervention is not None and record.intervention.kind == "donor"
    return "learned" if is_donor and keep == "none" else keep


def _result(
    evaluation: Evaluation | None,
    summary: Summary,
    *,
    done: bool,
    fault: str | None = None,
    ended_by: FaultKind | None = None,
) -> dict[str, Any]:
    return {
        "update": None if evaluation is None else evaluation.update,
        "score": None if evaluation is None else evaluation.score,
        "done": done,
        "fault": fault,
        "ended_by": ended_by,
        "summary": json.dumps(asdict(replace(summary, host=socket.gethostname()))),
    }


def _one_line(error: BaseException) -> str:
    """The kind of error and the first line of what it says."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
