"""What a worker process does: one trial after the other, and whatever goes wrong becomes a result."""

import json
import socket
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import torch

from analysis.records import Evaluation, RunFolder, Summary, TrialRecord
from analysis.storage import is_raised, read_text
from search.trial.attempt import current_attempt
from search.trial.config import TrialConfig
from search.trial.history import SupersededError
from search.trial.session import TrialSession


class Worker:
    """Runs trials of one run in this process.

    Args:
        run: the run's folder, which this host must see.
        device: 'cpu' or 'cuda'.
        num_threads: torch threads.
        keep: whose weights stay after the end.
        test: look at the test set once, at each trial's end.
    """

    def __init__(self, run: RunFolder, *, device: str, num_threads: int, keep: str, test: bool) -> None:
        torch.set_num_threads(num_threads)
        self.run = run
        self.device = torch.device(device)
        self.keep = keep
        self.test = test
        self.session: TrialSession | None = None
        self.failure: Exception | None = None

    def begin(self, number: int, attempt: int) -> None:
        """Opens a trial; its configuration is in the record that the driver wrote."""
        folder = self.run.trial(number)
        self._leave()
        self.session = None
        self.failure = None
        if is_raised(self.run.stop):
            return
        try:
            record = TrialRecord.from_json(read_text(folder.record))
            self.session = TrialSession(
                TrialConfig.model_validate(record.config),
                folder,
                self.device,
                is_current=lambda: current_attempt(folder) == attempt,
                is_stop_asked=lambda: is_raised(self.run.stop),
                keep=_keep(record, self.keep),
                test=self.test,
            )
        except Exception as error:
            # An exception would end the process, and with it the next trials' warm start.
            self.failure = error

    def _leave(self) -> None:
        """A trial that was stopped by rank has evaluations which wait to be pushed."""
        if self.session is not None and self.session.summary is None:
            with suppress(SupersededError, OSError):
                self.session.leave()

    def advance(self) -> dict[str, Any]:
        """Trains to the next evaluation.

        Returns:
            update and score (None where there was no evaluation), done, fault (what is wrong with the
            storage, or None), and the summary as it stands, as JSON (Tune flattens nested results): its
            outcome is None while the trial goes on, or was interrupted.
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
            # The storage failed, not the trial: it stays unfinished, and the driver ends the search.
            where = error.filename or self.run.path
            fault = f"a worker on {socket.gethostname()} cannot write {where}: {error.strerror or error}"
            return _result(None, Summary(outcome=None, reason=fault), done=True, fault=fault)
        except Exception as error:
            # As above; the trial is recorded as errored.
            if isinstance(error, torch.cuda.OutOfMemoryError):
                torch.cuda.empty_cache()
            return _result(None, Summary(outcome="errored", reason=_one_line(error)), done=True)
        summary = self.session.summary
        if summary is None:
            return _result(evaluation, self.session.summarise(None, "training"), done=False)
        return _result(evaluation, summary, done=True)


def _keep(record: TrialRecord, keep: str) -> str:
    """Whose weights stay: another trial starts from a donor's, whatever the run keeps."""
    is_donor = record.intervention is not None and record.intervention.kind == "donor"
    return "learned" if is_donor and keep == "none" else keep


def _result(
    evaluation: Evaluation | None, summary: Summary, *, done: bool, fault: str | None = None
) -> dict[str, Any]:
    return {
        "update": None if evaluation is None else evaluation.update,
        "score": None if evaluation is None else evaluation.score,
        "done": done,
        "fault": fault,
        "summary": json.dumps(asdict(replace(summary, host=socket.gethostname()))),
    }


def _one_line(error: Exception) -> str:
    """The kind of error and the first line of what it says."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
