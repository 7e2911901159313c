"""The record of a watched trial of an own training function, told from report to report."""

from dataclasses import fields
from typing import Any

from torch import Tensor

from failmap.run_folder.watched import WATCHED, Levels, WatchedReport
from failmap.search.trial.probes.common import Signals, rounded
from failmap.watcher.curves import Averages, Curves
from failmap.watcher.describe import describe
from failmap.watcher.observer import Step
from failmap.watcher.recording import Recording

#: More steps, and more validations, than any report has: all of its steps make one evaluation.
_WHOLE_REPORT = 2**62
#: Steps after a report whose metric is measured; later ones are measured at powers of two.
_NUM_METRICS = 8
#: What is told of a report's losses, as signals, and as means in `WatchedReport`.
_OF_LOSSES = ("loss_first", "loss_max", "loss_spread")
_MEANS = ("loss", "metric", "validation_loss", "validation_metric")


class TrialRecording(Recording):
    """The record of a watched training, which is also told from report to report."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._told: dict[str, Any] = {}
        self._has_seen = False
        self._begin_report()

    def add_step(self, step: Step) -> None:
        """Add a step, without waiting for the device."""
        super().add_step(step)
        self._num_steps += 1
        if self._num_steps <= _NUM_METRICS or self._num_steps.bit_count() == 1:
            metric = self._targets.metric_of(step.outputs, step.targets)
            if metric is not None:
                self._since.add_metric(metric)
        self._since.add(step.update, step.loss)

    def add_loss(self, loss: Tensor) -> None:
        """Add a plain step, of which only the loss is kept."""
        super().add_loss(loss)
        self._num_steps += 1
        self._since.append(self.update, loss)

    @property
    def num_plain(self) -> int:
        """How many of the next steps may be plain."""
        if self._num_steps < _NUM_METRICS:
            return 0
        next_measured = 1 << self._num_steps.bit_length()
        return min(super().num_plain, self._since.num_appendable, next_measured - self._num_steps - 1)

    def add_look(self, step: Step, signals: Signals) -> None:
        """Add a step that was looked at, and its signals."""
        super().add_look(step, signals)
        self._add_signals(signals)

    def add_validation(self, step: Step, metric: Any, signals: Signals, *, is_shown: bool) -> None:
        """Add a validation, or one batch of it."""
        super().add_validation(step, metric, signals, is_shown=is_shown)
        self._since.add_validation(step.loss.mean(), self._validation_metric(step, metric))
        self._add_signals(signals)

    def add_final(self, signals: Signals) -> None:
        """Add what observers say at the end."""
        super().add_final(signals)
        self._add_signals(signals)

    def taken(self, *, is_over: bool) -> Signals:
        """Return what was seen since the last report, and begin the next one.

        Args:
            is_over: Whether the training has ended: steps since the last report then make no evaluation.

        Returns:
            Signals with finite numbers, and `watched` among them (docs/signals.md).
        """
        signals, values = self._signals, dict[str, Any]()
        if not is_over and (averages := self._averages()) is not None:
            signals |= {name: getattr(averages, name) for name in _OF_LOSSES}
            values = {name: getattr(averages, name) for name in _MEANS}
        if self._has_seen and self._shown is not None:
            values |= self._description()
        self._begin_report()
        return rounded({**signals, WATCHED: WatchedReport(**values).to_dict()})  # type: ignore[no-any-return]

    def _begin_report(self) -> None:
        self._signals: Signals = {}
        self._since, self._num_steps = Curves(every=_WHOLE_REPORT), 0

    def _add_signals(self, signals: Signals) -> None:
        self._signals |= signals
        self._has_seen = True

    def _averages(self) -> Averages | None:
        _, evaluations = self._since.evaluations(_WHOLE_REPORT)
        return evaluations[0] if evaluations else None

    def _description(self) -> dict[str, Any]:
        """Return configuration and levels, where they have changed."""
        assert self._shown is not None
        self._has_seen = False
        shown = self._shown
        config = describe(self._watched, shown.inputs, shown.targets, self._targets.loss_name, self.update)
        # A schedule and the number of updates change all the time.
        for name in ("learning_rate", "max_updates"):
            config["train"].pop(name)
        is_validated = self._curves.num_validations > 0
        summary = self._summary(self._targets.levels(), [], is_validated=is_validated, outcome=None)
        levels = Levels(**{one.name: getattr(summary, one.name) for one in fields(Levels)})
        told: dict[str, Any] = rounded({"config": config, "levels": levels.to_dict()})
        changed = {name for name in told if told[name] != self._told.get(name)}
        self._told = told
        new = {"config": config, "levels": levels}
        return {name: new[name] for name in changed}
