"""One trial on one device: trains to the next evaluation, writes it down, and knows when it is decided."""

import math
from collections.abc import Callable
from dataclasses import asdict
from time import monotonic, perf_counter
from typing import Any

import torch

from failmap.datasets.task import Batch
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import Evaluation, Outcome, Summary
from failmap.run_folder.storage import store_of
from failmap.search.trial.checkpoint import Snapshot, save_weights
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.criterion import Criterion, Decision, Progress
from failmap.search.trial.evaluation import Measurement, measure
from failmap.search.trial.history import History
from failmap.search.trial.nonfinite import FirstNonfinite, first_nonfinite
from failmap.search.trial.optimizers import learning_rate, plateau_step
from failmap.search.trial.probes import Signals, is_probed, loss_signals, rounded, to_host
from failmap.search.trial.probes.probe import probe
from failmap.search.trial.training import Interval, Training
from failmap.search.trial.warm_start import start_from_stored

#: Share of the training time that checkpoints may take.
CHECKPOINT_SHARE = 0.02


class TrialSession:
    """Trains one configuration, from its checkpoint if it has one.

    Args:
        config: what to train.
        folder: the trial's; history and checkpoint are written there, the driver writes the record.
        device: where to train.
        is_current: whether this attempt is still the trial's latest; if not, nothing may be written.
        is_stop_asked: whether the session should save itself and end; looked at between updates.
        keep: whose weights stay after the end.
        test: look at the test set once, at the end.

    Attributes:
        summary: how the trial ended; None while it goes on. An outcome of None stands for interrupted.
    """

    def __init__(
        self,
        config: TrialConfig,
        folder: TrialFolder,
        device: torch.device,
        *,
        is_current: Callable[[], bool] = lambda: True,
        is_stop_asked: Callable[[], bool] = lambda: False,
        keep: str = "none",
        test: bool = False,
    ) -> None:
        self.config = config
        self.folder = folder
        self.keep = keep
        self.test = test
        self.summary: Summary | None = None
        self.training = Training(config, device)
        self.validation = self.training.task.validation_set()
        self.progress = Progress()
        stored = Snapshot.load(folder.checkpoint, device)
        if stored is not None:
            stored.restore(self.training.model, self.training.optimizer, self.training.precision.scaling)
            self.progress = Progress(**asdict(stored.progress))
        else:
            start_from_stored(self.training.model, config.model, folder)
        objective = self.training.objective
        self.criterion = Criterion(
            target_score=config.criterion.score or objective.score(self.training.task.target_metric),
            in_a_row=config.criterion.in_a_row,
            max_updates=config.train.max_updates,
        )
        self.history = History(folder, is_current, self.progress.update)
        self._is_stop_asked = _polled(is_stop_asked, store_of(folder.path).poll_seconds)
        self._saved_at = self.progress.seconds
        self._save_seconds = 0.0

    def advance(self) -> Evaluation | None:
        """Trains to the next evaluation and appends it to the history.

        Returns None if the session was told to stop: its state at the last evaluation is saved then, and
        `summary.outcome` is None. Raises SupersededError if a later attempt of the trial has begun.
        """
        assert self.summary is None, "the trial has ended"
        started = perf_counter()
        model, scaling = self.training.model, self.training.precision.scaling
        before = Snapshot.take(model, self.training.optimizer, self.progress, scaling)
        self._save_when_due(before)
        train = self.config.train
        first = self.progress.update
        end = min((first // train.evaluate_every + 1) * train.evaluate_every, train.max_updates)
        self.training.rate_share = self.progress.rate_share
        interval = self.training.run(first, end, self._is_stop_asked)
        if interval is None:
            self._save(before)
            self.summary = self.summarise(None, "interrupted")
            return None
        measurement = self._measured(self.validation)
        score = self.training.objective.score(measurement.metric)
        signals = self._signals(interval, measurement, end)
        self.progress.update = end
        self.progress.seconds += perf_counter() - started
        evaluation = self._evaluation(interval, measurement, score, signals)
        self.history.append(evaluation)
        decision = self.criterion.judge(
            self.progress,
            score,
            moved=not (before.same_weights(model) and before.same_scaling(scaling)),
            finite=self._is_finite(interval, measurement),
        )
        plateau_step(train, self.progress, measurement.loss)
        if decision is not None:
            self._decide(decision, before, end)
        return evaluation

    def leave(self) -> None:
        """Lets others see all evaluations of a trial that goes no further here: it was stopped by rank.

        Raises SupersededError if a later attempt has begun.
        """
        self.history.push()

    def _evaluation(
        self, interval: Interval, measurement: Measurement, score: float, signals: Signals
    ) -> Evaluation:
        """What is written down of this evaluation."""
        return Evaluation(
            update=self.progress.update,
            seconds=round(self.progress.seconds, 4),
            train_loss=_finite(interval.losses.double().mean().item()),
            validation_loss=_finite(measurement.loss),
            metric=_finite(measurement.metric),
            score=score,
            signals=signals,
        )

    def _signals(self, interval: Interval, measurement: Measurement, end: int) -> Signals:
        """What is told beside losses and score, of the evaluation after update `end`."""
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

    def _measured(self, batch: Batch) -> Measurement:
        """The network as it stands, on sequences that it is not trained on."""
        training = self.training
        return measure(training.model, training.objective, batch, training.precision)

    def _is_finite(self, interval: Interval, measurement: Measurement) -> bool:
        """Whether every loss since the last evaluation, and the validation loss, is finite."""
        return math.isfinite(measurement.loss) and bool(torch.isfinite(interval.losses).all())

    def _decide(self, decision: Decision, before: Snapshot, end: int) -> None:
        """Ends the trial with an outcome, and with what only the worker can still tell."""
        reason, extra = decision.reason, dict[str, Any]()
        if decision.reason == "not finite":
            found = first_nonfinite(self.training, before, end) or FirstNonfinite("validation loss", end)
            reason = f"not finite: {found.tensor} at update {found.update}"
            extra["first_nonfinite"] = asdict(found)
        elif self.test:
            self.training.task.unseal()
            tested = self._measured(self.training.task.test_set())
            extra["test_metric"] = tested.metric
            extra["test_score"] = self.training.objective.score(tested.metric)
        if self.keep == "all" or self.keep == decision.outcome:
            save_weights(self.training.model, self.folder.path)
        self.history.push()
        self.summary = self.summarise(decision.outcome, reason, **extra)

    def summarise(self, outcome: Outcome | None, reason: str, **extra: Any) -> Summary:
        """The trial as it stands, under a given outcome."""
        task, objective = self.training.task, self.training.objective
        wanted = self.config.criterion.score
        return Summary(
            outcome=outcome,
            reason=reason,
            updates=self.progress.update,
            seconds=round(self.progress.seconds, 4),
            score=self.progress.score,
            best_score=self.progress.best_score,
            target_score=self.criterion.target_score,
            metric=task.config.metric,
            chance_metric=task.chance.metric,
            target_metric=task.target_metric if wanted is None else objective.metric_of(wanted),
            chance_loss=objective.chance_loss,
            loss_floor=objective.loss_floor,
            best_possible_loss=objective.best_possible_loss,
            partial_solutions=[level._asdict() for level in task.partial_solutions],
            has_every_input=task.config.is_enumerated,
            num_parameters=sum(parameter.numel() for parameter in self.training.parameters),
            **extra,
        )

    def _save_when_due(self, snapshot: Snapshot) -> None:
        """Saves so often that saving takes a bounded share of the training time."""
        trained = self.progress.seconds - self._saved_at
        if self.progress.update == 0 or trained * CHECKPOINT_SHARE < self._save_seconds:
            return
        started = perf_counter()
        self._save(snapshot)
        self._save_seconds = perf_counter() - started
        self._saved_at = self.progress.seconds

    def _save(self, snapshot: Snapshot) -> None:
        self.history.push()
        snapshot.save(self.folder.checkpoint)


def _polled(flag: Callable[[], bool], poll_seconds: float) -> Callable[[], bool]:
    """The same flag, looked at no more often than that: it may lie on a network."""
    next_look = monotonic()

    def flag_exists() -> bool:
        nonlocal next_look
        now = monotonic()
        if now < next_look:
            return False
        next_look = now + poll_seconds
        return flag()

    return flag_exists


def _finite(value: float) -> float | None:
    """JSON has no word for what is not finite: None."""
    return value if math.isfinite(value) else None
