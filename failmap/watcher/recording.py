"""The record and the history of a watched training, and its verdict."""

import math
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from failmap.analysis.diagnosis import diagnose
from failmap.analysis.diagnosis.own import LEAST_VALIDATIONS
from failmap.analysis.diagnosis.training_curves import SOLVED_SCORE
from failmap.run_folder.records import Evaluation, Outcome, Summary, TrialRecord
from failmap.search.trial.probes.common import Signals
from failmap.watcher.curves import Curves
from failmap.watcher.describe import describe
from failmap.watcher.folder import WatchedFolder
from failmap.watcher.levels import ChanceLevels, Targets
from failmap.watcher.notes import notes_of
from failmap.watcher.observer import Step, Watched
from failmap.watcher.verdict import Verdict, verdict_of

#: Metrics of training batches measured in one evaluation: their number decides what a step costs.
_NUM_METRICS = 4
#: Signals of observers that belong into the summary, with the names of their fields there.
_IN_SUMMARY = ("target_shift", "mean_shift", "input_shift", "error_shift")


class Recording:
    """Everything that is kept of a watched training.

    Attributes:
        update: Number of steps so far.
    """

    def __init__(
        self, watched: Watched, *, every: int | None, metric: str | None, chance: float | None
    ) -> None:
        self.update = 0
        self._watched = watched
        self._started = perf_counter()
        self._curves = Curves(every)
        self._targets = Targets(watched.loss_fn, metric, chance)
        self._looks: dict[int, Signals] = {}
        self._final: Signals = {}
        self._shown: Step | None = None
        self._validated_rows, self._is_same_validation = 0, False
        self._num_training_rows = 0

    def add_step(self, step: Step) -> None:
        """Add a step, without waiting for the device."""
        self.update = step.update
        self._is_same_validation = False
        # Once validations make the evaluations, metrics of training batches are read no more.
        is_needed = self._curves.num_validations < LEAST_VALIDATIONS
        if is_needed and step.update % self._metric_period == 0:
            metric = self._targets.metric_of(step.outputs, step.targets)
            if metric is not None:
                self._curves.add_metric(metric)
                self._num_training_rows = _NUM_METRICS * _num_rows(step)
        self._curves.add(step.update, step.loss)

    def add_loss(self, loss: Tensor) -> None:
        """Add a plain step, of which only the loss is kept."""
        self.update += 1
        self._is_same_validation = False
        self._curves.append(self.update, loss)

    @property
    def num_plain(self) -> int:
        """How many of the next steps may be plain."""
        if self._curves.num_validations >= LEAST_VALIDATIONS:
            return self._curves.num_appendable
        period = self._metric_period
        return min(self._curves.num_appendable, period - 1 - self.update % period)

    @property
    def _metric_period(self) -> int:
        return max(1, (self._curves.by_steps.size or 1) // _NUM_METRICS)

    def add_look(self, step: Step, signals: Signals) -> None:
        """Add a step that was looked at, and its signals."""
        self._targets.see(step.loss, step.outputs, step.targets, validates=False)
        self._looks[step.update] = signals
        self._shown = Step(step.update, step.loss.detach(), _empty(step.inputs), None, _empty(step.targets))

    def add_validation(self, step: Step, metric: Any, signals: Signals, *, is_shown: bool) -> None:
        """Add a validation, or one batch of it."""
        if is_shown:
            self._targets.see(step.loss, step.outputs, step.targets, validates=True)
        rows = _num_rows(step)
        self._validated_rows = rows + (self._validated_rows if self._is_same_validation else 0)
        self._is_same_validation = True
        self._curves.add_validation(step.loss.mean(), self._validation_metric(step, metric))
        self._looks.setdefault(self.update, {}).update(signals)

    def add_final(self, signals: Signals) -> None:
        """Add what observers say at the end."""
        self._final = signals

    def write(self, folder: WatchedFolder | None, *, is_over: bool) -> Verdict:
        """Write record and history, if there is a folder, and return the verdict."""
        levels = self._targets.levels()
        is_validated, history = self._history(levels)
        config = describe(
            self._watched,
            self._shown.inputs if self._shown else None,
            self._shown.targets if self._shown else None,
            self._targets.loss_name,
            self.update,
        )
        # Until the loop has ended, rules about an end keep silent.
        summary = self._summary(
            levels, history, is_validated=is_validated, outcome="failed" if is_over else None
        )
        record = TrialRecord(0, 1, config, {}, {}, 0, "watched", 0, "", summary=summary)
        diagnosis = diagnose(record, history)
        assert diagnosis is not None
        outcome: Outcome = "failed"
        if diagnosis.cause == "none":
            is_solved = [one.score >= SOLVED_SCORE for one in history[-2:]]
            outcome = "learned" if all(is_solved) and is_solved else "censored"
        summary = self._summary(levels, history, is_validated=is_validated, outcome=outcome)
        if folder is not None:
            folder.write(config, summary, history, is_over=is_over)
        return verdict_of(
            diagnosis,
            score=history[-1].score if history else 0.0,
            chance=levels.source,
            not_judged=self._not_judged(is_validated),
            notes=notes_of(self._watched.model, self._signal),
            folder=None if folder is None else folder.folder.path,
        )

    def _validation_metric(self, step: Step, metric: Any) -> Tensor | None:
        if metric is not None:
            return torch.as_tensor(metric).detach().double().mean()
        return self._targets.metric_of(step.outputs, step.targets)

    def _history(self, levels: ChanceLevels) -> tuple[bool, list[Evaluation]]:
        is_validated, averages = self._curves.evaluations(LEAST_VALIDATIONS)
        seconds = perf_counter() - self._started
        # Built-in tasks record the epoch from the beginning; here it is known at the end.
        per_epoch = self._final.get("updates_per_epoch")
        history: list[Evaluation] = []
        before = 0
        for one in averages:
            loss = one.validation_loss if is_validated else one.loss
            metric = one.validation_metric if is_validated else one.metric
            names = ("loss_first", "loss_max", "loss_spread")
            signals: Signals = {name: _finite(getattr(one, name)) for name in names}
            # Looks after the last evaluation belong to it.
            end = self.update if one is averages[-1] else one.update
            for update in (update for update in sorted(self._looks) if before < update <= end):
                signals |= self._looks[update]
            if per_epoch is not None:
                signals["epoch"] = one.update / per_epoch
            history.append(
                Evaluation(
                    update=one.update,
                    seconds=round(seconds * one.update / max(self.update, 1), 4),
                    train_loss=_finite(one.loss),
                    validation_loss=_finite(loss),
                    metric=_finite(metric),
                    score=levels.score(metric, loss),
                    signals=signals,
                )
            )
            before = one.update
        if history:
            history[-1].signals.update(self._final)
        return is_validated, history

    def _summary(
        self,
        levels: ChanceLevels,
        history: list[Evaluation],
        *,
        is_validated: bool,
        outcome: Outcome | None,
    ) -> Summary:
        moments = self._signal("target_moments") or {}
        scores = [one.score for one in history] or [0.0]
        shifts = {name: value for name in _IN_SUMMARY if (value := self._signal(name)) is not None}
        return Summary(
            outcome=outcome,
            reason="the loop ended",
            updates=self.update,
            seconds=round(perf_counter() - self._started, 4),
            score=scores[-1],
            best_score=max(scores),
            target_score=SOLVED_SCORE,
            metric=levels.metric,
            chance_metric=levels.chance_metric,
            target_metric=levels.metric_at(SOLVED_SCORE),
            chance_loss=levels.chance_loss,
            best_possible_loss=0.0,
            validation_size=self._validated_rows if is_validated else self._num_training_rows,
            target_mean=moments.get("mean", math.nan),
            target_deviation=moments.get("deviation", math.nan),
            num_parameters=sum(one.numel() for one in self._watched.model.parameters() if one.requires_grad),
            threads=torch.get_num_threads(),
            **shifts,
        )

    def _signal(self, name: str) -> Any:
        """Return the last value of a signal."""
        if name in self._final:
            return self._final[name]
        values = (self._looks[update].get(name) for update in sorted(self._looks, reverse=True))
        return next((value for value in values if value is not None), None)

    def _not_judged(self, is_validated: bool) -> tuple[str, ...]:
        missing = []
        if not is_validated:
            missing.append(
                f"overfitting and leaks (watch.validate was called fewer than {LEAST_VALIDATIONS} times)"
            )
        if self._targets.kind is None:
            missing.append("targets and chance (watch.step was given no targets)")
        if self._shown is None or self._shown.inputs is None:
            missing.append("inputs (watch.step was given none)")
        return tuple(missing)


def _num_rows(step: Step) -> int:
    """Return the number of sequences of a step."""
    shown = next((one for one in (step.targets, step.outputs, step.inputs) if one is not None), None)
    return shown.shape[0] if shown is not None and shown.dim() else 1


def _empty(tensor: Tensor | None) -> Tensor | None:
    """Return a tensor of the same shape that holds no memory."""
    return None if tensor is None else torch.empty(tensor.shape, device="meta")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
