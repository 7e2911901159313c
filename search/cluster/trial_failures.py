"""Trials whose worker has gone: what became of it, and who ends one that is silent."""

import re
from pathlib import Path

import ray
from ray.tune.experiment import Trial

from failmap.run_folder.records import FaultKind
from failmap.search.heartbeat import Heartbeats
from failmap.search.trial.preemption import PreemptedError
from failmap.search.trial_lifecycle import NotPickled, TrialLifecycle

#: Where Ray's text of a dead actor or a failed task says where it was.
_HOST = re.compile(r"\bip[:=] ?([0-9a-fA-F.:]+)")
_LEAVING = re.compile(rf"\b{PreemptedError.__name__}: (.+)")
_ERROR = re.compile(r"^([\w.]*(?:Error|Exception|Exit|Interrupt)\w*)(?::|$)", re.MULTILINE)


class TrialFailures(NotPickled):
    """Tells the desk of each lost trial what kind of loss it was.

    Args:
        desk: who is told.
        evaluation_minutes: how long a running trial may go without an evaluation; None: as long as it likes.
    """

    def __init__(self, desk: TrialLifecycle, evaluation_minutes: float | None) -> None:
        self._desk = desk
        self._minutes = evaluation_minutes
        self._silence = Heartbeats[Trial](None if evaluation_minutes is None else evaluation_minutes * 60)
        self._ended: set[str] = set()

    def hear(self, trial: Trial) -> None:
        """It has started to run, or has reported."""
        self._silence.beat(trial)

    def forget(self, trial: Trial) -> None:
        """It has ended by itself."""
        self._silence.remove(trial)

    def stop_silent_trials(self) -> None:
        """Kills the workers of trials that hang. Tune then sees them die."""
        for trial in self._silence.timed_out():
            actor = trial.temporary_state.ray_actor
            if actor is not None:
                self._ended.add(trial.trial_id)
                ray.kill(actor, no_restart=True)

    def take(self, trial: Trial) -> None:
        """Its worker has gone."""
        self._silence.remove(trial)
        if trial.trial_id in self._ended:
            self._ended.remove(trial.trial_id)
            reason = f"no evaluation within {self._minutes:g} minutes (cluster.evaluation_minutes)"
            self._desk.fail(trial.trial_id, "hung", reason)
        else:
            # Schedulers are not given the error. Its text lies in Tune's folder, and nothing is unpickled.
            text = Path(trial.error_file).read_text(encoding="utf-8") if trial.error_file else ""
            self._desk.fail(trial.trial_id, *failure_of(text))


def failure_of(text: str) -> tuple[FaultKind, str]:
    """The kind of loss that Ray's text of an error tells, and one line about it."""
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
