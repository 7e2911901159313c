"""Execution of a study's trials on Ray, by thin adapters to Tune's extension points.

Tune gets trials from the study through a Searcher, reports every evaluation through a TrialScheduler, and
runs trials in Trainable actors that are reused from trial to trial. All persistent state goes through the
study and the run folder; Tune's own files are in a temporary folder and are never read back.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from failmap.run_folder.objectives import Objective
from failmap.run_folder.own_copies import OwnCodeNote
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import parse_location
from failmap.run_folder.wording import quantity
from failmap.search.cluster.connection import connected
from failmap.search.cluster.resources import Slots, trial_resources
from failmap.search.cluster.trial_failures import TrialFailures
from failmap.search.config import RunConfig
from failmap.search.shutdown import Reason, Shutdown, shutdown_on_signals
from failmap.search.study import Study
from failmap.search.trial.process import PreemptionFlag
from failmap.search.trial_lifecycle import NotPickled, TrialLifecycle
from failmap.search.worker import Worker

#: What the user is told when a session ends early; an error of the driver has a message of its own.
_ANNOUNCED: dict[Reason, str] = {
    "time": "The time limit is reached",
    "interrupt": "Stopping",
    "request": "Stopping on request",
}


def execute(
    study: Study,
    config: RunConfig,
    folder: RunFolder,
    *,
    deadline: float | None,
    on_tick: Callable[[], None],
    notice: Callable[[str], None],
    own_code: Sequence[OwnCodeNote] = (),
) -> str | None:
    """Run trials until the study is over, the time limit has passed, or the user asks for the end.

    Args:
        study: Decides which trial is next.
        config: The run's configuration.
        folder: The run's folder.
        deadline: Time limit on the clock of time.monotonic; None for no limit.
        on_tick: Called several times a second, and after every result.
        notice: Receives warnings about the cluster, and the answer to Ctrl-C.
        own_code: The user's own code, whose copies are in the run's folder.

    Returns:
        Why it ended before the study was over: 'time', 'interrupt' or 'request'; None if the study is over.
    """

    def announce(reason: Reason) -> None:
        if reason in _ANNOUNCED:
            saved = f"; saving {quantity(num, 'running trial')}" if (num := len(lifecycle.running)) else ""
            notice(f"{_ANNOUNCED[reason]}{saved} (Ctrl-C: end at once)")

    shutdown = Shutdown(folder, deadline, announce)
    lifecycle = TrialLifecycle(study, config.cluster.retries, shutdown)
    with (
        shutdown.watching(),
        connected(config.cluster, folder, notice, lambda: shutdown.reason is not None),
        shutdown_on_signals(shutdown),
        tempfile.TemporaryDirectory(prefix="failmap-ray-") as scratch,
    ):
        resources = trial_resources(config.cluster)
        minutes = config.cluster.evaluation_minutes
        failures = TrialFailures(lifecycle, minutes)
        tune.Tuner(
            tune.with_resources(TrialActor, resources),
            param_space={
                "folder": str(folder.path.absolute()),
                "started_in": str(Path.cwd()),
                "keep": config.keep,
                "test": config.test,
                "keep_final": config.budget.keep_gigabytes > 0 and not config.space.objectives,
                "objectives": [asdict(objective) for objective in config.space.objectives],
                "device": "cuda" if resources["GPU"] else "cpu",
                "num_threads": config.cluster.cpus_per_trial,
                "memory_bytes": resources.get("memory"),
                "own_code": [asdict(note) for note in own_code],
                "timeout": None if minutes is None else 60 * minutes,
            },
            tune_config=tune.TuneConfig(
                search_alg=_StudySearcher(lifecycle, Slots(config.cluster, resources)),
                scheduler=_StudyScheduler(lifecycle, failures),
                num_samples=-1,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                callbacks=[_Ticker(shutdown, failures, on_tick)],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()
        if lifecycle.error is not None:
            raise lifecycle.error
    return shutdown.reason


class TrialActor(tune.Trainable):
    """A worker process that is reused from trial to trial. One step is one evaluation."""

    def setup(self, config: dict[str, Any]) -> None:
        """Prepare the process without opening a trial, which Tune may still give to another actor."""
        # Relative paths of the user start here; on a host without this folder, opening them fails.
        if Path(config["started_in"]).is_dir():
            os.chdir(config["started_in"])
        self.worker = Worker(
            RunFolder(parse_location(config["folder"])),
            device=config["device"],
            num_threads=config["num_threads"],
            keep=config["keep"],
            test=config["test"],
            keep_final=config["keep_final"],
            objectives=[Objective(**objective) for objective in config["objectives"]],
            memory_bytes=None if config["memory_bytes"] is None else int(config["memory_bytes"]),
            is_preempted=lambda: self.preemption.is_set,
            own_code=[OwnCodeNote(**note) for note in config["own_code"]],
            timeout=config["timeout"],
        )
        self.preemption = PreemptionFlag()
        self.is_begun = False

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Accept another trial in the same process."""
        self.is_begun = False
        return True

    def cleanup(self) -> None:
        """Release the last trial."""
        self.worker.release()

    def step(self) -> dict[str, Any]:
        """Train to the next evaluation, and return a few numbers and the summary.

        Raises:
            PreemptedError, BrokenDeviceError: Tune then ends this process.
        """
        if not self.is_begun:
            self.worker.begin(self.config["number"], self.config["attempt"])
            self.is_begun = True
        return self.worker.advance()


class _StudySearcher(Searcher):
    """Tune's searcher: suggests the study's next trials."""

    def __init__(self, lifecycle: TrialLifecycle, slots: Slots) -> None:
        super().__init__()
        self.lifecycle = lifecycle
        self.slots = slots

    def suggest(self, trial_id: str) -> Any:
        """Return the next trial, None to wait for a running one, or FINISHED if none is left."""
        if self.lifecycle.shutdown.reason is not None:
            return Searcher.FINISHED
        if len(self.lifecycle.running) >= self.slots():
            return None
        start = self.lifecycle.begin(trial_id)
        if start is None and not self.lifecycle.running:
            # None while nothing runs would make Tune wait forever.
            return Searcher.FINISHED
        return start

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Report the end of a trial to the study; after an error, the scheduler has already done so."""
        if not error:
            self.lifecycle.end(trial_id, result)

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the journal has the complete state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: a resume opens the journal."""


class _StudyScheduler(TrialScheduler):
    """Tune's scheduler: reports evaluations to the study, and starts trials in order."""

    _supports_buffered_results = False

    def __init__(self, lifecycle: TrialLifecycle, failures: TrialFailures) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lifecycle = lifecycle
        self.failures = failures
        self.waiting: dict[str, Trial] = {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Report an evaluation, unless it is the last one, which the searcher reports."""
        self.failures.heartbeats.beat(trial)
        stops = self.lifecycle.report(trial.trial_id, result)
        return str(TrialScheduler.STOP if stops else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Return the first pending trial. Tune's list of all trials is too long to be searched each time."""
        for trial_id, trial in list(self.waiting.items()):
            if trial.status == Trial.PENDING:
                return trial
            del self.waiting[trial_id]
        return None

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Append a trial to the queue."""
        self.waiting[trial.trial_id] = trial

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Report the kind of failure to the study; the searcher only learns that there was one."""
        self.failures.take(trial)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Do nothing: the searcher reports the end."""

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Do nothing."""

    def debug_string(self) -> str:
        """Return the description that Tune prints."""
        return "reports to the study"


class _Ticker(NotPickled, tune.Callback):
    """Polls the shutdown and the heartbeats, and refreshes the view, between Tune's steps."""

    def __init__(self, shutdown: Shutdown, failures: TrialFailures, on_tick: Callable[[], None]) -> None:
        self.shutdown = shutdown
        self.failures = failures
        self.on_tick = on_tick

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Start watching the trial's heartbeat."""
        self.failures.heartbeats.beat(trial)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Free the metric averages that Tune keeps of every trial: 27 of 62 kB."""
        self.failures.heartbeats.remove(trial)
        trial.run_metadata.metric_analysis.clear()
        trial.run_metadata.metric_n_steps.clear()

    #: The failure is handled by the scheduler, and forgotten again.
    on_trial_error = on_trial_complete

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Act after each iteration of Tune's loop: about ten times a second, and after every result."""
        self.shutdown.poll()
        self.failures.stop_silent_trials()
        self.on_tick()
