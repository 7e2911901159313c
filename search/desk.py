"""Where the trials that Ray runs and the study's meet."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from analysis.errors import UserError
from analysis.records import FaultKind, Summary
from search.config import Retries
from search.interruption import Interruption
from search.study import Start, Study

#: What became of a trial's starts, by the kind of their fault.
KIND_WORDS: dict[FaultKind, str] = {
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


class Desk(NotPickled):
    """Where Tune's trials and the study's meet: which is which, and what became of each.

    Tune logs and swallows what its searcher raises. A fault of ours (a full disk, say) is kept here instead,
    ends the search, and is raised again once Tune has returned.
    """

    def __init__(self, study: Study, retries: Retries, interruption: Interruption) -> None:
        self.study = study
        self.retries = retries
        self.interruption = interruption
        self.numbers: dict[str, int] = {}
        self._starts: dict[int, Start] = {}
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
                self.numbers[trial_id] = start.number
                self._starts[start.number] = start
                return {"number": start.number, "attempt": start.attempt}
        return None

    def report(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Hands an evaluation to the study; True if the trial is to stop by rank, and is told so."""
        with self._keeping_faults():
            number = self.numbers[trial_id]
            if self.study.report(number, result["update"], result["score"]):
                del self.numbers[trial_id]
                self.study.tell(number, _summary(result, outcome="censored", reason="stopped by rank"))
                return True
        return False

    def end(self, trial_id: str, result: dict[str, Any] | None) -> None:
        """Tells the study how a trial ended, unless it knows.

        Args:
            trial_id: Tune's.
            result: the worker's last; empty or None where Tune ended the trial before there was one.
        """
        number = self.numbers.pop(trial_id, None)
        if number is None:
            return
        with self._keeping_faults():
            if not result:
                self.study.put_back(number)
                return
            if result["fault"] is not None:
                self._take_fault(UserError(f"{result['fault']}; nothing that was finished is lost"))
            if result.get("update") is not None:
                self.study.report(number, result["update"], result["score"])
            summary = _summary(result)
            if summary.outcome is None:
                self.study.put_back(number)
            elif result["ended_by"] is not None:
                self._take_loss(number, result["ended_by"], summary)
            else:
                self.study.tell(number, summary)

    def lose(self, trial_id: str, kind: FaultKind, reason: str) -> None:
        """Takes what became of a trial whose worker has gone."""
        number = self.numbers.pop(trial_id, None)
        if number is None:
            return
        with self._keeping_faults():
            if self.interruption.reason is not None:
                # The search is ending, and its workers with it: that is nobody's fault.
                self.study.put_back(number)
            else:
                self._take_loss(number, kind, Summary(outcome="errored", reason=reason))

    def _take_loss(self, number: int, kind: FaultKind, summary: Summary) -> None:
        """Has a trial started again as far as this kind's budget goes, and tells it as errored beyond."""
        num_before = Counter(fault.kind for fault in self.study.faults(number))[kind]
        halve = kind == "out_of_memory"
        budget = self.retries.halve_batch if halve else getattr(self.retries, kind)
        if num_before < budget and not (halve and not self._can_halve(number)):
            self.study.put_back_after(number, kind, summary.reason, halve_batch=halve)
        elif num_before:
            told = f"{KIND_WORDS[kind]} {num_before + 1} times; at last: {summary.reason}"
            self.study.tell(number, replace(summary, reason=told))
        else:
            self.study.tell(number, summary)

    def _can_halve(self, number: int) -> bool:
        batch_size = self._starts[number].config.train.batch_size
        return isinstance(batch_size, int) and batch_size > 1


def _summary(result: dict[str, Any], **changes: Any) -> Summary:
    """The summary in a worker's result."""
    return Summary(**{**json.loads(result["summary"]), **changes})
