"""One trial of the user's own training function: from report to report until its outcome is decided."""

import math
import random
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from types import TracebackType
from typing import Any

import numpy as np
import torch

from failmap.run_folder.objectives import Objective
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import SPENT, Evaluation, Outcome, Summary
from failmap.run_folder.storage import store_of
from failmap.search.own.config import OwnTrialConfig
from failmap.search.own.function import TrainFunction
from failmap.search.own.handle import Trial
from failmap.search.own.handover import END_SECONDS, Ended, FunctionThread, Report
from failmap.search.own.output import OutputLog
from failmap.search.own.state import OwnState, StateError
from failmap.search.trial.best_evaluation import BestEvaluation, final_values
from failmap.search.trial.criterion import Decision, Progress
from failmap.search.trial.history import History
from failmap.search.trial.process import is_out_of_memory
from failmap.search.trial.session import CHECKPOINT_SHARE, throttled

#: Reason of a trial whose function returned, or reached `max_updates`, without the criterion.


class OwnCodeError(Exception):
    """The user's function raised what a worker would take for something else, such as an OSError."""


class FunctionSession:
    """Runs a training function for one configuration, from its last state if it reported any.

    It has the interface of `TrialSession`.

    Args:
        config: The trial.
        folder: The trial's folder, for history, checkpoint and output; the driver writes the record.
        device: The device of the trial.
        function: The user's function.
        is_current: Returns whether this attempt is still the trial's latest; if not, nothing is written.
        is_stopped: Returns whether the session should save its state and end; polled while it waits.
        timeout: Seconds without a report after which the driver replaces the worker; None for no limit.
        objectives: What the run optimises. If it does, the trial ends when the function returns.

    Attributes:
        summary: The trial's end; None while it runs. An outcome of None means that it was interrupted.

    Raises:
        SupersededError: A later attempt of the trial has begun.
    """

    def __init__(
        self,
        config: OwnTrialConfig,
        folder: TrialFolder,
        device: torch.device,
        function: TrainFunction,
        *,
        is_current: Callable[[], bool] = lambda: True,
        is_stopped: Callable[[], bool] = lambda: False,
        timeout: float | None = None,
        objectives: Sequence[Objective] = (),
    ) -> None:
        self.config = config
        self.folder = folder
        self.summary: Summary | None = None
        self.criterion = replace(config.own.criterion, ends=not objectives)
        self.objectives = objectives
        self.best = BestEvaluation(objectives, keeps_weights=False)
        self._latest = OwnState.load(folder.checkpoint)
        self.progress = Progress() if self._latest is None else replace(self._latest.progress)
        store = store_of(folder.path)
        self._starts_again = self._latest is None and store.exists(folder.history)
        # Without a state the function starts from its beginning, whose evaluations it repeats.
        self.history = History(folder, is_current, -1 if self._latest is None else self.progress.update)
        self._output = OutputLog(folder.output)
        self._is_stopped = throttled(is_stopped, store.poll_seconds)
        self._num_reports = 0
        self._last: Evaluation | None = None
        self._saved_at, self._save_seconds = self.progress.seconds, 0.0
        self._is_saved = True
        trial = Trial(
            number=int(folder.path.name) if folder.path.name.isdecimal() else 0,
            seed=config.seed,
            first_update=0 if self._latest is None else self.progress.update + 1,
            state=None if self._latest is None else self._latest.restored(),
            timeout=timeout,
            device=device.type,
            thread=lambda: self._thread,
        )
        self._trial = trial
        settings = {path: _copied(value) for path, value in config.settings.items()}

        def call() -> None:
            _seed_everything(config.seed)
            try:
                function(settings, trial)
            finally:
                trial.detach()

        self._thread = FunctionThread(call)

    def advance(self) -> Evaluation | None:
        """Run the function to its next report and append it to the history.

        Returns:
            The evaluation; None if the function returned, or if the session was stopped: the last state
            reported is then saved, and `summary.outcome` is None.

        Raises:
            SupersededError: A later attempt of the trial has begun.
            OwnCodeError: The function returned without a report, or raised an OSError or the like.
            BaseException: Whatever else the function raised.
        """
        assert self.summary is None, "the trial has ended"
        started = perf_counter()
        event = None
        if not self._is_stopped():
            with self._output.capturing():
                event = self._thread.resume(self._is_stopped)
        self.progress.seconds += perf_counter() - started
        if event is None:
            self._interrupt()
            return None
        if isinstance(event, Ended):
            self._end(event.error)
            return None
        return self._evaluate(event)

    def summarise(self, outcome: Outcome | None, reason: str, **extra: Any) -> Summary:
        """Return a summary of the trial's current state with a given outcome."""
        own = self.config.own
        if self._starts_again:
            reason += "; started again from its beginning, for want of a reported state"
        summary = Summary(
            outcome=outcome,
            reason=reason,
            updates=self.progress.update,
            seconds=round(self.progress.seconds, 4),
            score=self.progress.score,
            best_score=self.progress.best_score,
            target_score=own.target_score,
            metric="raw_score" if own.is_raw else "score",
            chance_metric=math.nan if own.chance is None else own.chance,
            target_metric=own.target_metric,
            best_update=self.progress.best_update,
            **extra,
        )
        return replace(summary, objectives=final_values(self.objectives, self.progress.best_values, summary))

    @property
    def trial(self) -> Trial:
        """The trial that the function is called with."""
        return self._trial

    @property
    def has_state(self) -> bool:
        """Whether there is a state that the function can continue from."""
        return self._latest is not None

    def release(self, patience: float = END_SECONDS) -> None:
        """End the function of a trial that was stopped by rank or lost its storage, and keep its history.

        Args:
            patience: Seconds that the function has to return before its thread is interrupted.
        """
        with self._output.capturing():
            self._thread.end(patience)
            self._trial.detach()
        if self.summary is None:
            self._output.save(is_last=True)
            self.history.push()

    def _evaluate(self, report: Report) -> Evaluation:
        own, progress = self.config.own, self.progress
        is_finite = math.isfinite(report.score)
        # A score that is no number is the worst that a skill can be; the trial fails for it.
        score = own.skill(report.score) if is_finite else -1.0
        if self._num_reports == 0 and self._latest is None:
            progress.best_score = score
        self._num_reports += 1
        progress.update = report.update
        evaluation = Evaluation(
            update=report.update,
            seconds=round(progress.seconds, 4),
            train_loss=_finite(report.loss),
            validation_loss=_finite(report.validation_loss),
            metric=_finite(report.score),
            score=score,
            signals=report.signals,
        )
        self.history.append(evaluation)
        self._last = evaluation
        if is_finite:
            self.best.see(progress, evaluation)
        broken = _nonfinite(report)
        decision = self.criterion.judge(progress, score, moved=True, finite=broken is None)
        if decision is None:
            self._keep_state(report)
            self._output.save()
        elif broken is not None:
            where = {"tensor": broken, "update": report.update}
            reason = f"not finite: {broken} at update {report.update}"
            self._finish(Decision(decision.outcome, reason), first_nonfinite=where)
        else:
            self._finish(decision)
        return evaluation

    def _keep_state(self, report: Report) -> None:
        """Copy a reported state, and write it unless checkpoints then took too much of the time."""
        if report.state is None:
            return
        try:
            self._latest, self._is_saved = OwnState.take(report.state, self.progress), False
        except StateError:
            self._thread.end()
            raise
        trained = self.progress.seconds - self._saved_at
        if trained * CHECKPOINT_SHARE >= self._save_seconds:
            started = perf_counter()
            self._save()
            self._save_seconds, self._saved_at = perf_counter() - started, self.progress.seconds

    def _save(self) -> None:
        self.history.push()
        if self._latest is not None and not self._is_saved:
            self._latest.save(self.folder.checkpoint)
            self._is_saved = True

    def _interrupt(self) -> None:
        """Save the last state reported, and leave the function behind: the process is about to end."""
        self._thread.abandon()
        self._save()
        self._output.save(is_last=True)
        self.summary = self.summarise(None, "interrupted")

    def _end(self, error: BaseException | None) -> None:
        """End the trial of a function that returned or raised."""
        if error is None:
            error = self._trial.error
        if error is not None:
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None and _is_ours(trace):
                trace = trace.tb_next
            self._output.write("".join(traceback.format_exception(type(error), error, trace)))
            self._output.save(is_last=True)
            raise _as_trial_error(error)
        if self._num_reports == 0 and self._latest is None:
            self._output.save(is_last=True)
            raise OwnCodeError(
                f"{self.config.own.function} returned without a report: call trial.report(...)"
            )
        if self.progress.learned_at is None:
            self._finish(Decision("failed", SPENT))
        else:
            self._finish(Decision("learned", "criterion met"))

    def _finish(self, decision: Decision, **extra: Any) -> None:
        with self._output.capturing():
            has_ended = self._thread.end()
            self._trial.detach()
            # A function that goes on, whatever it is told, may be changing what is watched.
            signals = self._trial.last_signals() if has_ended else None
        if signals is not None and self._last is not None:
            self.history.amend(replace(self._last, signals=signals))
        self.history.push()
        self._output.save(is_last=True)
        self.summary = self.summarise(decision.outcome, decision.reason, **extra)


def _is_ours(trace: TracebackType) -> bool:
    """Return whether a frame is of this package, which calls the function, and not of the user's code."""
    return trace.tb_frame.f_globals.get("__name__") in (__name__, FunctionThread.__module__)


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _as_trial_error(error: BaseException) -> BaseException:
    """Return an error as one that ends only its trial: a worker takes an OSError for its storage's."""
    if is_out_of_memory(error):
        return error
    if isinstance(error, Exception | SystemExit | KeyboardInterrupt) and not isinstance(error, OSError):
        return error
    text = (str(error).strip().splitlines() or [""])[0]
    wrapped = OwnCodeError(f"{type(error).__name__}: {text}")
    wrapped.__cause__ = error
    return wrapped


def _nonfinite(report: Report) -> str | None:
    """Return which of a report's numbers is not finite, or None if all are."""
    values = {"loss": report.loss, "validation loss": report.validation_loss, "score": report.score}
    return next(
        (name for name, value in values.items() if value is not None and not math.isfinite(value)), None
    )


def _finite(value: float | None) -> float | None:
    """Return None for a number that is not finite, which JSON cannot represent."""
    return value if value is not None and math.isfinite(value) else None


def _copied(value: Any) -> Any:
    """Return a setting that the function may change without changing the configuration."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list | tuple) else value
