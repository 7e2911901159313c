"""Runs a study's trials on Ray. The only room that knows Ray: thin adapters over Tune's extension points.

Tune asks the study through a Searcher, reports every evaluation through a TrialScheduler, and runs trials in
Trainable actors that are reused from trial to trial. Everything that must survive goes through the study and
the run folder; Tune's own files lie in a temporary folder and are never read back.
"""

import json
import logging
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

# Read by Ray when it is imported: no telemetry, no loggers, no output or files of its own.
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0",
    RAY_AIR_NEW_OUTPUT="0",
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    TUNE_DISABLE_SIGINT_HANDLER="1",
    TUNE_DISABLE_STRICT_METRIC_CHECKING="1",
    TUNE_GLOBAL_CHECKPOINT_S="1000000000",
    TUNE_WARN_THRESHOLD_S="10",
)

import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from analysis.errors import UserError
from analysis.records import RunFolder, Summary
from search.config import Cluster, RunConfig
from search.study import Study
from search.worker import Worker

#: Starts of one trial whose worker died, before the trial counts as errored.
MAX_STARTS = 4


class Interruption:
    """Asks every worker of a run to save itself and stop, by a file that all of them see.

    Attributes:
        reason: None while the run goes on.
    """

    def __init__(self, folder: RunFolder, deadline: float | None) -> None:
        self.folder = folder
        self.deadline = deadline
        self.reason: str | None = None
        folder.stop.unlink(missing_ok=True)

    def ask(self, reason: str) -> None:
        """Raises the flag; the first reason stays."""
        if self.reason is None:
            self.reason = reason
            self.folder.stop.touch()

    def look_at_the_clock(self) -> None:
        """Raises the flag once the run's time is spent."""
        if self.deadline is not None and monotonic() >= self.deadline:
            self.ask("time")


def execute(
    study: Study,
    config: RunConfig,
    folder: RunFolder,
    *,
    deadline: float | None,
    on_tick: Callable[[], None],
) -> str | None:
    """Runs trials until the study is over, time is spent, or Ctrl-C asks for the end.

    Args:
        study: what to try next.
        config: of the run.
        folder: of the run.
        deadline: when to end, on the clock of time.monotonic; None for no limit.
        on_tick: called a few times a second, and after every result.

    Returns:
        Why it ended before the study was over: 'time' or 'interrupt'; None if it is over.
    """
    interruption = Interruption(folder, deadline)
    try:
        with _ray(config.cluster), _interrupted_by_signals(interruption):
            _fit(study, config, folder, interruption, on_tick)
    finally:
        folder.stop.unlink(missing_ok=True)
    return interruption.reason


def _fit(
    study: Study,
    config: RunConfig,
    folder: RunFolder,
    interruption: Interruption,
    on_tick: Callable[[], None],
) -> None:
    gpus = _gpus_per_trial(config.cluster)
    slots = _slots(config.cluster, gpus)
    # A custom searcher gets one pending trial by default, which leaves the other slots idle.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots)
    desk = _Desk(study, interruption)
    session = {
        "folder": str(folder.path.absolute()),
        "keep": config.keep,
        "test": config.test,
        "device": "cuda" if gpus else "cpu",
        "num_threads": config.cluster.cpus_per_trial,
    }
    resources: dict[str, float] = {"cpu": config.cluster.cpus_per_trial, "gpu": gpus}
    with tempfile.TemporaryDirectory(prefix="failmap-ray-") as scratch:
        tuner = tune.Tuner(
            tune.with_resources(TrialActor, resources),
            param_space=session,
            tune_config=tune.TuneConfig(
                search_alg=_AskTheStudy(desk, slots),
                scheduler=_ReportToTheStudy(desk),
                num_samples=-1,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                callbacks=[_Ticker(interruption, on_tick)],
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
        self.worker = Worker(
            RunFolder(Path(config["folder"])),
            device=config["device"],
            num_threads=config["num_threads"],
            keep=config["keep"],
            test=config["test"],
        )
        self.is_begun = False

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial comes to the same process."""
        self.is_begun = False
        return True

    def step(self) -> dict[str, Any]:
        """Trains to the next evaluation. Through Tune travel only a few numbers, and the end."""
        if not self.is_begun:
            self.worker.begin(self.config["number"], self.config["attempt"])
            self.is_begun = True
        return self.worker.advance()


class _NotPickled:
    """Tune pickles what it is given, to restore it some day. Ours never is: the journal has it all."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _Desk(_NotPickled):
    """Where Tune's trials and the study's meet: which is which, and what became of each.

    Tune logs and swallows what its searcher raises. A fault of ours (a full disk, say) is kept here instead,
    ends the search, and is raised again once Tune has returned.
    """

    def __init__(self, study: Study, interruption: Interruption) -> None:
        self.study = study
        self.interruption = interruption
        self.numbers: dict[str, int] = {}
        self.starts: Counter[int] = Counter()
        self.fault: Exception | None = None

    @contextmanager
    def _keeping_faults(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.fault = self.fault or error
            self.interruption.ask("fault")

    def begin(self, trial_id: str) -> dict[str, Any] | None:
        """The next trial's number and attempt, or None where there is none now."""
        with self._keeping_faults():
            start = self.study.ask()
            if start is not None:
                self.numbers[trial_id] = start.number
                self.starts[start.number] += 1
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
            if result is not None:
                if result.get("update") is not None:
                    self.study.report(number, result["update"], result["score"])
                self.study.tell(number, _summary(result))
            elif self.interruption.reason is not None or self.starts[number] < MAX_STARTS:
                self.study.tell(number, Summary(outcome=None, reason="worker lost"))
            else:
                reason = f"worker died {MAX_STARTS} times (out of memory, or the node was lost)"
                self.study.tell(number, Summary(outcome="errored", reason=reason))


def _summary(result: dict[str, Any], **changes: Any) -> Summary:
    """The summary in a worker's result."""
    return Summary(**{**json.loads(result["summary"]), **changes})


class _AskTheStudy(Searcher):
    """Tune's searcher: the study's ask and tell."""

    def __init__(self, desk: _Desk, slots: int) -> None:
        super().__init__()
        self.desk = desk
        self.slots = slots

    def suggest(self, trial_id: str) -> Any:
        """The next trial; None to wait for one to end; FINISHED when nothing will come any more."""
        if self.desk.interruption.reason is not None:
            return Searcher.FINISHED
        if len(self.desk.numbers) >= self.slots:
            return None
        start = self.desk.begin(trial_id)
        if start is None and not self.desk.numbers:
            # None while nothing runs would make Tune wait for ever.
            return Searcher.FINISHED
        return start

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tells the study. On an error there is no result."""
        self.desk.end(trial_id, None if error else result)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the journal has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Never called: a resume opens the journal."""


class _ReportToTheStudy(TrialScheduler):
    """Tune's scheduler: the study's report. First come, first served."""

    _supports_buffered_results = False

    def __init__(self, desk: _Desk) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.desk = desk

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Reports an evaluation. A last one does not come this way: the searcher reports it."""
        stops = self.desk.report(trial.trial_id, result)
        return str(TrialScheduler.STOP if stops else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The first that waits."""
        waiting = (trial for trial in tune_controller.get_trials() if trial.status == Trial.PENDING)
        return next(waiting, None)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Nothing to do."""

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Nothing to do: the searcher is told."""

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Nothing to do: the searcher is told."""

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Nothing to do."""

    def debug_string(self) -> str:
        """What Tune prints of a scheduler."""
        return "reports to the study"


class _Ticker(_NotPickled, tune.Callback):
    """Looks at the clock and refreshes the view between Tune's steps."""

    def __init__(self, interruption: Interruption, on_tick: Callable[[], None]) -> None:
        self.interruption = interruption
        self.on_tick = on_tick

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """After every turn of Tune's loop: about ten times a second, and after every result."""
        self.interruption.look_at_the_clock()
        self.on_tick()


@contextmanager
def _ray(cluster: Cluster) -> Iterator[None]:
    """A connection to Ray: one of our own that ends with us, or one that runs already."""
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if cluster.address == "local":
        ray.init(num_cpus=cluster.cpus, include_dashboard=False, **common)
    else:
        try:
            ray.init(address=cluster.address, **common)
        except ConnectionError as error:
            raise UserError(f"cluster.address={cluster.address}: no Ray answers there ({error})") from None
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _interrupted_by_signals(interruption: Interruption) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks the workers to save themselves; the second ends at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        if interruption.reason == "interrupt":
            raise KeyboardInterrupt
        interruption.ask("interrupt")

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _gpus_per_trial(cluster: Cluster) -> float:
    """As configured; otherwise one where the cluster has any."""
    available = ray.cluster_resources().get("GPU", 0.0)
    gpus = cluster.gpus_per_trial
    if gpus is None:
        return 1.0 if available else 0.0
    if gpus > available:
        raise UserError(f"cluster.gpus_per_trial={gpus:g}: the cluster has {available:g} GPUs")
    return gpus


def _slots(cluster: Cluster, gpus: float) -> int:
    """How many trials run at once."""
    resources = ray.cluster_resources()
    slots = int(resources.get("CPU", 0.0) // cluster.cpus_per_trial)
    if slots < 1:
        raise UserError(
            f"cluster.cpus_per_trial={cluster.cpus_per_trial}: the cluster has "
            f"{resources.get('CPU', 0.0):g} CPUs"
        )
    return min(slots, int(resources["GPU"] / gpus)) if gpus else slots
