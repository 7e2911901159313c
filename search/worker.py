"""A worker process: it runs one trial after another, and turns failures of trials into results."""

import json
import math
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch

from failmap.run_folder.futility import rule_path
from failmap.run_folder.objectives import Objective
from failmap.run_folder.own_code import OwnCode, copies_used
from failmap.run_folder.own_copies import OwnCodeNote, read_copy
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Evaluation, FaultKind, Summary, TrialRecord
from failmap.run_folder.storage import flag_exists, read_text, store_of
from failmap.search.continuing.obstacles import obstacle
from failmap.search.futility.rule import Rule
from failmap.search.own.config import AnyTrialConfig, OwnTrialConfig, parse_trial_config
from failmap.search.own.function import load_function
from failmap.search.own.session import FunctionSession
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.history import SupersededError, current_attempt
from failmap.search.trial.process import (
    PreemptedError,
    describe_size,
    free_memory,
    is_device_broken,
    is_out_of_memory,
    limit_memory,
)
from failmap.search.trial.session import TrialSession

#: Exceptions that end only the trial that raised them, not the process, which later trials reuse.
_TRIAL_ERRORS = (Exception, SystemExit, KeyboardInterrupt)


class BrokenDeviceError(Exception):
    """A trial has broken the GPU for its whole process, which must be replaced."""


class Worker:
    """Runs trials of one run in this process.

    Args:
        run: The run's folder, which must be accessible from this host.
        device: 'cpu' or 'cuda'.
        num_threads: Number of torch threads.
        keep: Which trials' weights are kept: none, learned, all or best.
        test: Whether to measure the test set once, at each trial's end.
        memory_bytes: Memory that a trial may use on the host; None for no limit.
        is_preempted: Returns whether this process has been asked to leave its machine.
        own_code: The user's own networks, tasks or function, whose copies are in the run's folder.
        timeout: Seconds without an evaluation after which the driver replaces this process; None: no limit.
        keep_final: Whether the state at the end of failed trials is kept, to train them on.
        objectives: What the run optimises; none: its trials end once they have learned.
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
        own_code: Sequence[OwnCodeNote] = (),
        timeout: float | None = None,
        keep_final: bool = False,
        objectives: Sequence[Objective] = (),
    ) -> None:
        torch.set_num_threads(num_threads)
        # GPU drivers reserve far more address space than they use.
        if memory_bytes is not None and device == "cpu":
            limit_memory(memory_bytes)
        self.is_preempted = is_preempted
        self.run = run
        self.device = torch.device(device)
        self.keep = keep
        self.test = test
        self.keep_final = keep_final
        self.objectives = objectives
        self.own_code = own_code
        self.codes: list[OwnCode] | None = None
        self.timeout = timeout
        self.config: AnyTrialConfig | None = None
        self.session: TrialSession | FunctionSession | None = None
        self.failure: BaseException | None = None

    def begin(self, number: int, attempt: int) -> None:
        """Open a trial, whose configuration is in the record that the driver wrote.

        Raises:
            PreemptedError: This process accepts no more trials.
        """
        self._refuse_if_preempted()
        folder = self.run.trial(number)
        self.release()
        self.session, self.failure = None, None
        if flag_exists(self.run.stop):
            return
        try:
            record = TrialRecord.from_json(read_text(folder.record))
            self.config = parse_trial_config(record.config)

            def is_current() -> bool:
                return current_attempt(folder) == attempt

            def is_stopped() -> bool:
                return self.is_preempted() or flag_exists(self.run.stop)

            if self.codes is None:
                self.codes = [read_copy(note, self.run.own_code) for note in self.own_code]
            if isinstance(self.config, OwnTrialConfig):
                self.session = FunctionSession(
                    self.config,
                    folder,
                    self.device,
                    load_function(self.config.own, *self.codes),
                    is_current=is_current,
                    is_stopped=is_stopped,
                    timeout=self.timeout,
                    objectives=self.objectives,
                )
                return
            with copies_used(self.codes):
                self.session = TrialSession(
                    self.config,
                    folder,
                    self.device,
                    is_current=is_current,
                    is_stopped=is_stopped,
                    keep=_keep(record, self.keep),
                    test=self.test,
                    rule=None if record.futility is None else _read_rule(self.run, record.futility.rule),
                    exempt=record.futility is not None and record.futility.exempt,
                    keep_final=self.keep_final
                    and record.intervention is None
                    and obstacle(self.config) is None,
                    objectives=self.objectives,
                )
        except _TRIAL_ERRORS as error:
            self.failure = error

    def release(self) -> None:
        """Let go of a trial, which may have been stopped by rank."""
        if self.session is not None:
            with suppress(SupersededError, OSError):
                self.session.release()

    def advance(self) -> dict[str, Any]:
        """Train to the next evaluation.

        Returns:
            update and score (None without an evaluation), value (the first objective there, by which trials
            are stopped, NaN if it is missing; the score if there is none), done, fault (a description of a
            storage failure, or None), ended_by (the kind of fault that ended the trial, or None), and summary
            (as JSON, since Tune flattens nested results; its outcome is None while the trial runs or if it
            was interrupted).

        Raises:
            PreemptedError: This process has been preempted; the trial is saved.
            BrokenDeviceError: No more trials can run in this process.
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
            # The storage failed, not the trial, which stays unfinished while the driver ends the search.
            where = error.filename or self.run.path
            fault = f"a worker on {socket.gethostname()} cannot write {where}: {error.strerror or error}"
            return _result(None, Summary(outcome=None, reason=fault), done=True, fault=fault)
        except _TRIAL_ERRORS as error:
            return self._errored(error)
        summary = self.session.summary
        if summary is None:
            summary, done = self.session.summarise(None, "training"), False
        else:
            done = True
            if summary.outcome is None:
                self._refuse_if_preempted()
        value = None
        if evaluation is not None:
            value = self.session.best.now(evaluation) if self.objectives else evaluation.score
            value = math.nan if value is None else value
        return _result(evaluation, summary, done=done, value=value)

    def _refuse_if_preempted(self) -> None:
        if self.is_preempted():
            raise PreemptedError(f"the worker on {socket.gethostname()} was asked to leave (SIGTERM)")

    def _errored(self, error: BaseException) -> dict[str, Any]:
        """Return the result of a trial that raised an exception, and free its memory.

        Raises:
            BrokenDeviceError: No more trials can run in this process.
        """
        self.session, self.failure = None, None
        ended_by: FaultKind = "error"
        lines = str(error).strip().splitlines() or [""]
        reason = f"{type(error).__name__}: {lines[0]}"
        if is_out_of_memory(error):
            size = f" at {describe_size(self.config)}" if isinstance(self.config, TrialConfig) else ""
            reason, ended_by = f"out of memory{size}: {reason}", "out_of_memory"
        if is_device_broken(error):
            raise BrokenDeviceError(reason) from None
        free_memory(error)
        return _result(None, Summary(outcome="errored", reason=reason), done=True, ended_by=ended_by)


@lru_cache(maxsize=8)
def _read_rule(run: RunFolder, name: str) -> Rule | None:
    """Return a rule of a run; None if its file is gone or damaged: its trials then train their updates."""
    path = rule_path(run, name)
    store = store_of(path)
    try:
        return Rule.from_bytes(store.read(path)) if store.exists(path) else None
    except ValueError:
        return None


def _keep(record: TrialRecord, keep: str) -> str:
    """Return which weights are kept; those of a donor always are, because another trial starts from them."""
    is_donor = record.intervention is not None and record.intervention.kind == "donor"
    return "learned" if is_donor and keep == "none" else keep


def _result(
    evaluation: Evaluation | None,
    summary: Summary,
    *,
    done: bool,
    value: float | None = None,
    fault: str | None = None,
    ended_by: FaultKind | None = None,
) -> dict[str, Any]:
    summary = replace(summary, host=socket.gethostname(), threads=torch.get_num_threads())
    return {
        "update": None if evaluation is None else evaluation.update,
        "score": None if evaluation is None else evaluation.score,
        "value": value,
        "done": done,
        "fault": fault,
        "ended_by": ended_by,
        "summary": json.dumps(summary.to_dict(), allow_nan=False),
    }
