"""Where the trials that Ray runs and the study's meet."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from failmap.run_folder.errors import UserError
from failmap.run_folder.records import FaultKind, Summary
from failmap.search.config import Retries
from failmap.search.shutdown import Shutdown
from failmap.search.study import Start, Study

#: What became of a trial's starts, by the kind of their fault.
FAULT_LABELS: dict[FaultKind, str] = {
    "preempted": "preempted",
    "lost": "lost",
    "hung": "hung",
    "error": "raised an error",
    "out_of_memory": "out of memory",
}


class NotPickled:
    """Tune pickles what it is given, to restore it some day. Ours never is: the journal has it all."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class TrialLifecycle(NotPickled):
    """Where Tune's trials and the study's meet: which is which, and what became of each.

    Tune logs and swallows what its searcher raises. A fault of ours (a full disk, say) is kept here instead,
    ends the search, and is raised again once Tune has returned.
    """

    def __init__(self, study: Study, retries: Retries, interruption: Shutdown) -> None:
        self.study = study
        self.retries = retries
        self.interruption = interruption
        self.under_way: dict[str, Start] = {}
        self.fault: Exception | None = None

    @contextmanager
    def _keeping_faults(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._take_fault(error)

    def _take_fault(self, error: Exception) -> None:
        self.fault = self.fault or error
        self.interruption.ask("fault")

    def begin(self, trial_id: str) -> dict[str, Any] | None:
        """The next trial's number and attempt, or None where there is none now."""
        with self._keeping_faults():
            start = self.study.ask()
            if start is not None:
                self.under_way[trial_id] = start
                return {"number": start.number, "attempt": start.attempt}
        return None

    def report(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Hands an evaluation to the study; True if the trial is to stop by rank, and is told so."""
        with self._keeping_faults():
            number = self.under_way[trial_id].number
            if self.study.report(number, result["update"], result["score"]):
                del self.under_way[trial_id]
                self.study.tell(number, _summary(result, outcome="censored", reason="stopped by rank"))
                return True
        return False

    def end(self, trial_id: str, result: dict[str, Any] | None) -> None:
        """Tells the study how a trial ended, unless it knows.

        Args:
            trial_id: Tune's.
            result: the worker's last; empty or None where Tune ended the trial before there was one.
        """
        start = self.under_way.pop(trial_id, None)
        if start is None:
            return
        with self._keeping_faults():
            if not result:
                self.study.requeue(start.number)
                return
            if result["fault"] is not None:
                self._take_fault(UserError(f"{result['fault']}; nothing that was finished is lost"))
            if result["update"] is not None:
                self.study.report(start.number, result["update"], result["score"])
            summary = _summary(result)
            if summary.outcome is None:
                self.study.requeue(start.number)
            elif result["ended_by"] is not None:
                self._take_loss(start, result["ended_by"], summary)
            else:
                self.study.tell(start.number, summary)

    def lose(self, trial_id: str, kind: FaultKind, reason: str) -> None:
        """Takes what became of a trial whose worker has gone."""
        start = self.under_way.pop(trial_id, None)
        if start is None:
            return
        with self._keeping_faults():
            if self.interruption.reason is not None:
                # The search is ending, and its workers with it: that is nobody's fault.
                self.study.requeue(start.number)
            else:
                self._take_loss(start, kind, Summary(outcome="errored", reason=reason))

    def _take_loss(self, start: Start, kind: FaultKind, summary: Summary) -> None:
        """Has a trial started again as far as this kind's budget goes, and tells it as errored beyond."""
        num_before = Counter(fault.kind for fault in self.study.faults(start.number))
        num_times, charged = num_before[kind] + 1, kind
        if kind == "out_of_memory":
            if num_times <= self.retries.halve_batch and _has_two_halves(start):
                self.study.requeue_after_fault(start.number, kind, summary.reason, halve_batch=True)
                return
            # As it is, it may fit another time: what else was in that memory may have gone by then.
            charged = "error"
            num_times += num_before[charged]
        if num_before[charged] < getattr(self.retries, charged):
            self.study.requeue_after_fault(start.number, charged, summary.reason)
            return
        if num_times > 1:
            told = f"{FAULT_LABELS[kind]} {num_times} times; at last: {summary.reason}"
            summary = replace(summary, reason=told)
        self.study.tell(start.number, summary)


def _has_two_halves(start: Start) -> bool:
    batch_size = start.config.train.batch_size
    return batch_size != "full" and batch_size > 1


def _summary(result: dict[str, Any], **changes: Any) -> Summary:
    """The summary in a worker's result."""
    return Summary(**{**json.loads(result["summary"]), **changes})
