"""Where the trials that Ray runs and the study's meet."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from analysis.errors import UserError
from analysis.records import FaultKind, Summary
from search.config import Retries
from search.interruption import Interruption
from search.study import Study


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
        """Tells the study how a trial ended, unless it knows."""
        number = self.numbers.pop(trial_id, None)
        if number is None:
            return
        with self._keeping_faults():
            # Tune hands on an empty result of a trial that it ended before the first one came.
            if result:
                if result["fault"] is not None:
                    self._take_fault(UserError(f"{result['fault']}; nothing that was finished is lost"))
                if result.get("update") is not None:
                    self.study.report(number, result["update"], result["score"])
                summary = _summary(result)
                if summary.outcome is None:
                    self.study.put_back(number)
                else:
                    self.study.tell(number, summary)
            elif self.interruption.reason is not None:
                self.study.put_back(number)
            else:
                self._retry(number, "lost", "its worker or node died")

    def _retry(self, number: int, kind: FaultKind, reason: str) -> None:
        """Has a trial started again, as far as this kind's budget goes."""
        num_before = Counter(fault.kind for fault in self.study.faults(number))[kind]
        if num_before < getattr(self.retries, kind):
            self.study.put_back_after(number, kind, reason)
        else:
            self.study.tell(number, Summary(outcome="errored", reason=f"{reason} {num_before + 1} times"))


def _summary(result: dict[str, Any], **changes: Any) -> Summary:
    """The summary in a worker's result."""
    return Summary(**{**json.loads(result["summary"]), **changes})
