"""One trial on one device: it trains from evaluation to evaluation until its outcome is decided."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic, perf_counter
from typing import Any

import torch

from failmap.datasets.task import Batch
from failmap.run_folder.objectives import Objective
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import SPENT, Evaluation, Outcome, Summary
from failmap.run_folder.storage import store_of
from failmap.search.futility.rule import Rule
from failmap.search.trial.best_evaluation import BestEvaluation, final_values
from failmap.search.trial.checkpoint import Snapshot, save_weights, start_from_stored
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.criterion import Criterion, Decision, Progress
from failmap.search.trial.evaluation import Measurement, measure
from failmap.search.trial.history import History
from failmap.search.trial.optimizers import learning_rate, plateau_step
from failmap.search.trial.probes.common import Signals, is_probed, rounded, to_host
from failmap.search.trial.probes.probe import probe
from failmap.search.trial.probes.update import loss_signals
from failmap.search.trial.training import Interval, Training, first_nonfinite

#: Reason of a trial that was stopped for its curve.
HOPELESS = "stopped: its curve is hopeless"
#: Maximum share of the training time spent on checkpoints.
CHECKPOINT_SHARE = 0.02


class TrialSession:
    """Trains one configuration, from its checkpoint if it has one.

    Args:
        config: The trial.
        folder: The trial's folder, for history and checkpoint; the driver writes the record.
        device: The device that trains.
        is_current: Returns whether this attempt is still the trial's latest; if not, nothing is written.
        is_stopped: Returns whether the session should save its state and end; polled between updates.
        keep: Which trials' weights are kept: none, learned, all, or best, which the driver chooses later.
        test: Whether to measure the test set once, at the end.
        rule: Says from when on the trial is hopeless; None if nothing is known of such trials.
        exempt: Whether it goes on all the same.
        keep_final: Whether to write the state at the end of a trial that has spent its updates, so that
            another one can continue from it.
        objectives: What the run optimises. If it does, the trial spends its budget, and the weights that are
            kept are those of its best evaluation.

    Attributes:
        summary: The trial's end; None while it runs. An outcome of None means that it was interrupted.

    Raises:
        PrecisionError: The device does not support `train.precision`.
        SupersededError: A later attempt of the trial has begun.
        UserError: The weights that the model starts from are missing or do not fit.
    """

    def __init__(
        self,
        config: TrialConfig,
        folder: TrialFolder,
        device: torch.device,
        *,
        is_current: Callable[[], bool] = lambda: True,
        is_stopped: Callable[[], bool] = lambda: False,
        keep: str = "none",
        test: bool = False,
        rule: Rule | None = None,
        exempt: bool = False,
        keep_final: bool = False,
        objectives: Sequence[Objective] = (),
    ) -> None:
        self.config = config
        self.folder = folder
        self.keep = keep
        self.test = test
        self.rule, self.exempt = rule, exempt
        self.keep_final = keep_final
        self.objectives = objectives
        self.best = BestEvaluation(objectives, keeps_weights=keep != "none" or test)
        self.summary: Summary | None = None
        self.training = Training(config, device)
        self.validation = self.training.task.validation_set()
        self.progress = Progress()
        stored = Snapshot.load(folder.checkpoint, device)
        if stored is not None:
            stored.restore(self.training.model, self.training.optimizer, self.training.precision.scaling)
            self.progress = replace(stored.progress)
            self.best.weights = stored.best_weights()
        else:
            start_from_stored(self.training.model, config.model, folder)
        objective = self.training.objective
        self.criterion = Criterion(
            target_score=config.criterion.score or objective.score(self.training.task.target_metric),
            in_a_row=config.criterion.in_a_row,
            max_updates=config.train.max_updates,
            ends=not objectives,
        )
        self.history = History(folder, is_current, self.progress.update)
        self._curve = [(one.score, one.train_loss) for one in self.history.before]
        self._is_stopped = throttled(is_stopped, store_of(folder.path).poll_seconds)
        self._saved_at = self.progress.seconds
        self._save_seconds = 0.0

    def advance(self) -> Evaluation | None:
        """Train to the next evaluation and append it to the history.

        Returns:
            The evaluation, or None if the session was stopped: its state at the previous evaluation is then
            saved, and `summary.outcome` is None.

        Raises:
            SupersededError: A later attempt of the trial has begun.
        """
        assert self.summary is None, "the trial has ended"
        started = perf_counter()
        model, scaling = self.training.model, self.training.precision.scaling
        before = Snapshot.take(model, self.training.optimizer, scaling, self.progress)
        self._save_if_due(before)
        train = self.config.train
        first = self.progress.update
        end = min((first // train.evaluate_every + 1) * train.evaluate_every, train.max_updates)
        self.training.rate_share = self.progress.rate_share
        interval = self.training.run(first, end, self._is_stopped)
        if interval is None:
            self._save(before)
            self.summary = self.summarise(None, "interrupted")
            return None
        measurement = self._measure(self.validation)
        score = self.training.objective.score(measurement.metric)
        signals = self._signals(interval, measurement, end)
        self.progress.update = end
        self.progress.seconds += perf_counter() - started
        evaluation = Evaluation(
            update=end,
            seconds=round(self.progress.seconds, 4),
            train_loss=_finite(interval.losses.double().mean().item()),
            validation_loss=_finite(measurement.loss),
            metric=_finite(measurement.metric),
            score=score,
            signals=signals,
        )
        self.history.append(evaluation)
        self._curve.append((score, evaluation.train_loss))
        self.best.see(self.progress, evaluation, model)
        decision = self.criterion.judge(
            self.progress,
            score,
            moved=not before.has_same_weights(model, scaling),
            finite=math.isfinite(measurement.loss) and bool(interval.losses.isfinite().all()),
        )
        plateau_step(train, self.progress, measurement.loss)
        if decision is None:
            decision = self._futility()
        if decision is not None:
            self._finish(decision, before, end)
        return evaluation

    def _futility(self) -> Decision | None:
        """Return the decision to end the trial because its curve is hopeless, or None."""
        if self.rule is None or self.progress.hopeless_at is not None:
            return None
        scores, losses = zip(*self._curve, strict=True)
        if not self.rule.is_hopeless(scores, losses):
            return None
        self.progress.hopeless_at = self.progress.update
        return None if self.exempt else Decision("failed", HOPELESS)

    def _signals(self, interval: Interval, measurement: Measurement, end: int) -> Signals:
        """Return the signals of the evaluation after update `end`."""
        train, training = self.config.train, self.training
        measured = {
            **interval.probe.signals(),
            **to_host(loss_signals(interval.losses)),
            "losses": measurement.losses,
            **measurement.signals,
        }
        if is_probed(end, train.evaluate_every, train.max_updates):
            measured |= probe(training, self.validation, end)
        signals = {"learning_rate": learning_rate(train, end - 1, training.rate_share), **rounded(measured)}
        if training.task.num_train is not None:
            signals["epoch"] = end * training.batch_size / training.task.num_train
        return signals

    def _measure(self, batch: Batch) -> Measurement:
        training = self.training
        return measure(training.model, training.objective, batch, training.precision)

    def _finish(self, decision: Decision, before: Snapshot, end: int) -> None:
        """End the trial: write weights, and summarise its first non-finite tensor or its test results."""
        reason, extra = decision.reason, dict[str, Any]()
        if reason == "not finite":
            tensor, update = first_nonfinite(self.training, before, end) or ("validation loss", end)
            reason = f"not finite: {tensor} at update {update}"
            extra["first_nonfinite"] = {"tensor": tensor, "update": update}
        elif self.test:
            if self.best.weights:
                self.training.model.load_state_dict(self.best.weights)
            self.training.task.unseal()
            tested = self._measure(self.training.task.test_set())
            extra["test_metric"] = tested.metric
            extra["test_score"] = self.training.objective.score(tested.metric)
        if self.keep in ("all", decision.outcome) or (self.keep == "best" and self.best.weights):
            weights = self.best.weights or dict(self.training.model.state_dict())
            save_weights(weights, self.folder.path, self.training.task.preprocessing)
        if decision.reason == SPENT and self.keep_final:
            training = self.training
            final = Snapshot.take(
                training.model, training.optimizer, training.precision.scaling, self.progress
            )
            final.save(self.folder.final)
        if decision.reason == HOPELESS and self.rule is not None:
            extra["p_learn"] = self.rule.p_learn
        self.history.push()
        self.summary = self.summarise(decision.outcome, reason, **extra)

    def summarise(self, outcome: Outcome | None, reason: str, **extra: Any) -> Summary:
        """Return a summary of the trial's current state with a given outcome."""
        task, objective = self.training.task, self.training.objective
        target_mean, target_deviation = objective.head.trained_moments(task.target_moments)
        summary = Summary(
            outcome=outcome,
            reason=reason,
            updates=self.progress.update,
            seconds=round(self.progress.seconds, 4),
            score=self.progress.score,
            best_score=self.progress.best_score,
            target_score=self.criterion.target_score,
            metric=task.config.metric_name,
            chance_metric=task.chance.metric,
            target_metric=objective.target_metric(self.config.criterion.score),
            chance_loss=objective.chance_loss,
            loss_floor=objective.floor.loss,
            best_possible_loss=objective.floor.best_possible,
            partial_solutions=[level._asdict() for level in task.partial_solutions],
            has_every_input=task.config.is_enumerated,
            validation_size=len(self.validation.inputs),
            target_shift=task.target_shift,
            mean_shift=task.mean_shift,
            input_shift=task.input_shift,
            error_shift=task.error_shift,
            target_mean=target_mean,
            target_deviation=target_deviation,
            baseline_errors=dict(task.baseline_errors),
            num_parameters=sum(parameter.numel() for parameter in self.training.parameters),
            hopeless_at=self.progress.hopeless_at,
            best_update=self.progress.best_update,
            **extra,
        )
        return replace(summary, objectives=final_values(self.objectives, self.progress.best_values, summary))

    def release(self) -> None:
        """Push the buffered evaluations of a trial that was stopped by rank."""
        if self.summary is None:
            self.history.push()

    def _save_if_due(self, snapshot: Snapshot) -> None:
        """Save unless checkpoints would then exceed CHECKPOINT_SHARE of the training time."""
        trained = self.progress.seconds - self._saved_at
        if self.progress.update == 0 or trained * CHECKPOINT_SHARE < self._save_seconds:
            return
        started = perf_counter()
        self._save(snapshot)
        self._save_seconds = perf_counter() - started
        self._saved_at = self.progress.seconds

    def _save(self, snapshot: Snapshot) -> None:
        self.history.push()
        snapshot.with_best(self.best.weights).save(self.folder.checkpoint)


def throttled(flag: Callable[[], bool], poll_seconds: float) -> Callable[[], bool]:
    """Wrap a flag that may be on a network, so that it is polled no more often than this."""
    next_poll = monotonic()

    def is_set() -> bool:
        nonlocal next_poll
        now = monotonic()
        if now < next_poll:
            return False
        next_poll = now + poll_seconds
        return flag()

    return is_set


def _finite(value: float) -> float | None:
    """Return None for a number that is not finite, which JSON cannot represent."""
    return value if math.isfinite(value) else None
