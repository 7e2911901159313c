"""Runs a study's trials on Ray: thin adapters over Tune's extension points.

Tune asks the study through a Searcher, reports every evaluation through a TrialScheduler, and runs trials in
Trainable actors that are reused from trial to trial. Everything that must survive goes through the study and
the run folder; Tune's own files lie in a temporary folder and are never read back.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import parse_location
from failmap.search.cluster.connection import connected
from failmap.search.cluster.resources import Slots, trial_resources
from failmap.search.cluster.trial_failures import TrialFailures
from failmap.search.config import RunConfig
from failmap.search.shutdown import Shutdown, shutdown_on_signals
from failmap.search.study import Study
from failmap.search.trial.preemption import Leave
from failmap.search.trial_lifecycle import NotPickled, TrialLifecycle
from failmap.search.worker import Worker


def execute(
    study: Study,
    config: RunConfig,
    folder: RunFolder,
    *,
    deadline: float | None,
    on_tick: Callable[[], None],
    notice: Callable[[str], None],
) -> str | None:
    """Runs trials until the study is over, time is spent, or Ctrl-C asks for the end.

    Args:
        study: what to try next.
        config: of the run.
        folder: of the run.
        deadline: when to end, on the clock of time.monotonic; None for no limit.
        on_tick: called a few times a second, and after every result.
        notice: is told what is odd about the cluster.

    Returns:
        Why it ended before the study was over: 'time', 'interrupt' or 'request'; None if it is over.
    """
    interruption = Shutdown(folder, deadline)
    with (
        interruption.watching(),
        connected(config.cluster, folder, notice),
        shutdown_on_signals(interruption),
    ):
        _fit(study, config, folder, interruption, on_tick)
    return interruption.reason


def _fit(
    study: Study,
    config: RunConfig,
    folder: RunFolder,
    interruption: Shutdown,
    on_tick: Callable[[], None],
) -> None:
    resources = trial_resources(config.cluster)
    desk = TrialLifecycle(study, config.cluster.retries, interruption)
    session = {
        "folder": str(folder.path.absolute()),
        "started_in": str(Path.cwd()),
        "keep": config.keep,
        "test": config.test,
        "device": "cuda" if resources["GPU"] else "cpu",
        "num_threads": config.cluster.cpus_per_trial,
        "memory_bytes": resources.get("memory"),
    }
    losses = TrialFailures(desk, config.cluster.evaluation_minutes)
    with tempfile.TemporaryDirectory(prefix="failmap-ray-") as scratch:
        tuner = tune.Tuner(
            tune.with_resources(TrialActor, resources),
            param_space=session,
            tune_config=tune.TuneConfig(
                search_alg=_AskTheStudy(desk, Slots(config.cluster, resources)),
                scheduler=_ReportToTheStudy(desk, losses),
                num_samples=-1,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                callbacks=[_Ticker(interruption, losses, on_tick)],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        tuner.fit()
    if desk.fault is not None:
        raise desk.fault


class TrialActor(tune.Trainable):
    """A worker process, reused from trial to trial: one step is one evaluation."""

    def setup(self, config: dict[str, Any]) -> None:
        """Makes the process ready, and touches no trial: Tune may hand it to another actor meanwhile."""
        # The user's relative paths count from there; a host without that folder says what it misses.
        if Path(config["started_in"]).is_dir():
            os.chdir(config["started_in"])
        self.worker = Worker(
            RunFolder(parse_location(config["folder"])),
            device=config["device"],
            num_threads=config["num_threads"],
            keep=config["keep"],
            test=config["test"],
            memory_bytes=None if config["memory_bytes"] is None else int(config["memory_bytes"]),
            is_preempted=lambda: self.leave.is_asked,
        )
        self.leave = Leave()
        self.is_begun = False

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial comes to the same process."""
        self.is_begun = False
        return True

    def cleanup(self) -> None:
        """The actor is not needed any more."""
        self.worker.leave()

    def step(self) -> dict[str, Any]:
        """Trains to the next evaluation. Through Tune travel only a few numbers, and the end.

        Raises:
            PreemptedError, BrokenDeviceError: Tune ends the process then, and gives it no other trial.
        """
        if not self.is_begun:
            self.worker.begin(self.config["number"], self.config["attempt"])
            self.is_begun = True
        return self.worker.advance()


class _AskTheStudy(Searcher):
    """Tune's searcher: the study's ask and tell."""

    def __init__(self, desk: TrialLifecycle, slots: Slots) -> None:
        super().__init__()
        self.desk = desk
        self.slots = slots

    def suggest(self, trial_id: str) -> Any:
        """The next trial; None to wait for one to end; FINISHED when nothing will come any more."""
        if self.desk.interruption.reason is not None:
            return Searcher.FINISHED
        if len(self.desk.under_way) >= self.slots():
            return None
        start = self.desk.begin(trial_id)
        if start is None and not self.desk.under_way:
            # None while nothing runs would make Tune wait for ever.
            return Searcher.FINISHED
        return start

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tells the study. On an error there is no result, and the scheduler has told what it was."""
        if not error:
            self.desk.end(trial_id, result)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the journal has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Never called: a resume opens the journal."""


class _ReportToTheStudy(TrialScheduler):
    """Tune's scheduler: the study's report. First come, first served."""

    _supports_buffered_results = False

    def __init__(self, desk: TrialLifecycle, losses: TrialFailures) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.desk = desk
        self.losses = losses
        self.waiting: dict[str, Trial] = {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Reports an evaluation. A last one does not come this way: the searcher reports it."""
        self.losses.hear(trial)
        stops = self.desk.report(trial.trial_id, result)
        return str(TrialScheduler.STOP if stops else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The first that waits. Tune's list of all trials is too long to be walked at every turn."""
        for trial_id, trial in list(self.waiting.items()):
            if trial.status == Trial.PENDING:
                return trial
            del self.waiting[trial_id]
        return None

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """It waits for its turn."""
        self.waiting[trial.trial_id] = trial

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Tells the study, by what went wrong: the searcher is told no more than that something did."""
        self.losses.take(trial)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Nothing to do: the searcher is told."""

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Nothing to do."""

    def debug_string(self) -> str:
        """What Tune prints of a scheduler."""
        return "reports to the study"


class _Ticker(NotPickled, tune.Callback):
    """Looks at the clock and refreshes the view between Tune's steps."""

    def __init__(self, interruption: Shutdown, losses: TrialFailures, on_tick: Callable[[], None]) -> None:
        self.interruption = interruption
        self.losses = losses
        self.on_tick = on_tick

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """A worker has taken it: from now on it must be heard."""
        self.losses.hear(trial)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Frees the averages of metrics that Tune keeps of every trial: 27 of 62 kB."""
        self.losses.forget(trial)
        self._free(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """As above."""
        self._free(trial)

    def _free(self, trial: Trial) -> None:
        trial.run_metadata.metric_analysis.clear()
        trial.run_metadata.metric_n_steps.clear()

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """After every turn of Tune's loop: about ten times a second, and after every result."""
        self.interruption.poll()
        self.losses.stop_silent_trials()
        self.on_tick()
