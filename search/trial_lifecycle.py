"""The lifecycle of a trial between Ray Tune and the study: start, reports, end, and restarts after faults."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from failmap.run_folder.errors import UserError
from failmap.run_folder.records import FaultKind, Summary
from failmap.search.config import Retries
from failmap.search.own.config import AnyTrialConfig
from failmap.search.shutdown import Shutdown
from failmap.search.study import Start, Study
from failmap.search.trial.config import TrialConfig


class NotPickled:
    """Pickles to nothing: Tune pickles its arguments for a restore, but ours restore from the journal."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class TrialLifecycle(NotPickled):
    """Maps Tune's trials to the study's, and reports what happens to each.

    Tune logs and ignores exceptions of its searcher. An error of the driver (a full disk, for example) is
    stored here, ends the search, and is raised again after Tune has returned.

    Args:
        study: The run's study.
        retries: How often a trial is restarted after each kind of fault.
        shutdown: The run's shutdown.

    Attributes:
        running: The running trials, by Tune's id.
        error: The first error of the driver; None if there is none.
    """

    def __init__(self, study: Study, retries: Retries, shutdown: Shutdown) -> None:
        self.study = study
        self.retries = retries
        self.shutdown = shutdown
        self.running: dict[str, Start] = {}
        self.error: Exception | None = None

    @contextmanager
    def _storing_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._store_error(error)

    def _store_error(self, error: Exception) -> None:
        self.error = self.error or error
        self.shutdown.request("fault")

    def begin(self, trial_id: str) -> dict[str, Any] | None:
        """Return the number and attempt of the next trial, or None if there is none now."""
        with self._storing_errors():
            if (start := self.study.ask()) is not None:
                self.running[trial_id] = start
                return {"number": start.number, "attempt": start.attempt}
        return None

    def report(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Report an evaluation to the study, and return whether the pruner has stopped the trial."""
        with self._storing_errors():
            number = self.running[trial_id].number
            if self.study.report(number, result["update"], result["score"], result["value"]):
                del self.running[trial_id]
                self.study.tell(number, _summary(result, outcome="censored", reason="stopped by rank"))
                return True
        return False

    def end(self, trial_id: str, result: dict[str, Any] | None) -> None:
        """Report the end of a trial to the study, unless it has already ended.

        Args:
            trial_id: Tune's id.
            result: The worker's last result; empty or None if Tune ended the trial before any.
        """
        start = self.running.pop(trial_id, None)
        if start is None:
            return
        with self._storing_errors():
            if not result:
                self.study.requeue(start.number)
                return
            if result["fault"] is not None:
                self._store_error(UserError(f"{result['fault']}; nothing that was finished is lost"))
            if result["update"] is not None:
                self.study.report(start.number, result["update"], result["score"], result["value"])
            summary = _summary(result)
            if summary.outcome is None:
                self.study.requeue(start.number)
            elif result["ended_by"] is not None:
                self._retry_or_end(start, result["ended_by"], summary)
            else:
                self.study.tell(start.number, summary)

    def fail(self, trial_id: str, kind: FaultKind, reason: str) -> None:
        """Handle a trial whose worker has ended, unless the trial has already ended."""
        start = self.running.pop(trial_id, None)
        if start is None:
            return
        with self._storing_errors():
            if self.shutdown.reason is not None:
                # The shutdown ends the workers, which is no fault of the trial.
                self.study.requeue(start.number)
            else:
                self._retry_or_end(start, kind, Summary(outcome="errored", reason=reason))

    def _retry_or_end(self, start: Start, kind: FaultKind, summary: Summary) -> None:
        """Requeue a trial if it has retries left for this kind of fault, else end it as errored."""
        num_before = Counter(fault.kind for fault in self.study.faults(start.number))
        num_times, charged = num_before[kind] + 1, kind
        if kind == "out_of_memory":
            if num_times <= self.retries.halve_batch and _can_halve_batch(start.config):
                self.study.requeue_after_fault(start.number, kind, summary.reason, halve_batch=True)
                return
            # An unchanged trial may fit another time, when other processes have released memory.
            charged = "error"
            num_times += num_before[charged]
        if num_before[charged] < getattr(self.retries, charged):
            self.study.requeue_after_fault(start.number, charged, summary.reason)
            return
        if num_times > 1:
            label = "raised an error" if kind == "error" else kind.replace("_", " ")
            summary = replace(summary, reason=f"{label} {num_times} times; last: {summary.reason}")
        self.study.tell(start.number, summary)


def _can_halve_batch(config: AnyTrialConfig) -> bool:
    """Return whether a trial has a batch to halve; that of an own training function is its own affair."""
    return isinstance(config, TrialConfig) and config.train.batch_size not in ("full", 1)


def _summary(result: dict[str, Any], **changes: Any) -> Summary:
    """Return the summary in a worker's result, with changes."""
    return replace(Summary.from_dict(json.loads(result["summary"])), **changes)
