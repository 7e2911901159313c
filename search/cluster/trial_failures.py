"""Failures of trials outside their own code: lost workers, and workers that hang."""

import math
import re
from pathlib import Path

import ray
from ray.tune.experiment import Trial

from failmap.run_folder.records import FaultKind
from failmap.search.cluster.heartbeat import Heartbeats
from failmap.search.trial.process import PreemptedError
from failmap.search.trial_lifecycle import NotPickled, TrialLifecycle

#: The host in Ray's message about a dead actor or a failed task.
_HOST = re.compile(r"\bip[:=] ?([0-9a-fA-F.:]+)")
_LEAVING = re.compile(rf"\b{PreemptedError.__name__}: (.+)")
_ERROR = re.compile(r"^([\w.]*(?:Error|Exception|Exit|Interrupt)\w*)(?::|$)", re.MULTILINE)


class TrialFailures(NotPickled):
    """Classifies the loss of each trial and reports it.

    Args:
        lifecycle: Receives the reports.
        evaluation_minutes: Minutes that a running trial may take for an evaluation; None for no limit.

    Attributes:
        heartbeats: Must be informed when a trial starts, reports, or ends by itself.
    """

    def __init__(self, lifecycle: TrialLifecycle, evaluation_minutes: float | None) -> None:
        self._lifecycle = lifecycle
        self._minutes = evaluation_minutes
        self.heartbeats = Heartbeats[Trial](
            math.inf if evaluation_minutes is None else evaluation_minutes * 60
        )
        self._killed: set[str] = set()

    def stop_silent_trials(self) -> None:
        """Kill the workers of trials that hang. Tune then sees them die."""
        for trial in self.heartbeats.timed_out():
            actor = trial.temporary_state.ray_actor
            if actor is not None:
                self._killed.add(trial.trial_id)
                ray.kill(actor, no_restart=True)

    def take(self, trial: Trial) -> None:
        """Report a trial whose worker is gone."""
        self.heartbeats.remove(trial)
        if trial.trial_id in self._killed:
            self._killed.remove(trial.trial_id)
            reason = f"no evaluation within {self._minutes:g} minutes (cluster.evaluation_minutes)"
            self._lifecycle.fail(trial.trial_id, "hung", reason)
        else:
            # Tune passes no error to schedulers. Its text is in Tune's folder, and nothing is unpickled.
            text = Path(trial.error_file).read_text(encoding="utf-8") if trial.error_file else ""
            self._lifecycle.fail(trial.trial_id, *failure_of(text))


def failure_of(text: str) -> tuple[FaultKind, str]:
    """Return the kind of loss that Ray's error text describes, and a one-line reason."""
    if leaving := _LEAVING.search(text):
        return "preempted", leaving[1]
    host = _HOST.search(text)
    where = f" on {host[1]}" if host else ""
    if "low on memory" in text or "OUT_OF_MEMORY" in text:
        return "lost", f"its worker{where} was killed, for the host was short of memory"
    if "node has died" in text or "node was terminated" in text:
        return "lost", f"its node died{where}"
    if "unavailable" in text:
        return "lost", f"its worker{where} cannot be reached"
    error = _ERROR.search(text)
    if error is None or "worker process has died" in text:
        return "lost", f"its worker died{where}"
    return "error", text[error.start() :].splitlines()[0]
