"""The `trial` that a training function is called with."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from failmap.run_folder.watched import WATCHED
from failmap.search.own.handover import FunctionThread, Report, StopTraining
from failmap.search.trial.probes.common import Signals, rounded

if TYPE_CHECKING:
    from failmap.watcher.trial_watch import TrialWatch


class ReportError(ValueError):
    """A report that cannot be an evaluation."""


class Trial:
    """What a training function knows about its trial.

    Attributes:
        number: The trial's number in its run.
        seed: The trial's seed, with which random, numpy and torch are seeded before the call.
        first_update: The first update to do: 0, or the one after the last report that had a state.
        state: The state of that report, its tensors on the CPU; None at the beginning.
        timeout: Seconds without a report after which the worker is replaced; None for no limit.
        device: 'cpu' or 'cuda': what the run gives to each trial.
        watching: The latest watch; None before `watch`.
    """

    def __init__(
        self,
        *,
        number: int,
        seed: int,
        first_update: int,
        state: Any,
        timeout: float | None,
        device: str,
        thread: Callable[[], FunctionThread],
    ) -> None:
        self.number = number
        self.seed = seed
        self.first_update = first_update
        self.state = state
        self.timeout = timeout
        self.device = device
        self._thread = thread
        self._last_update = first_update - 1
        self._last_signals: Signals = {}
        self._own_names: frozenset[str] = frozenset()
        self.watching: TrialWatch | None = None
        self.error: ReportError | None = None

    def report(
        self,
        update: int,
        loss: float | None = None,
        score: float | None = None,
        validation_loss: float | None = None,
        state: Any = None,
        **signals: Any,
    ) -> bool:
        """Report an evaluation, and return whether to stop.

        Args:
            update: Updates so far, or the index of the last one: larger at each report.
            loss: The training loss.
            score: What `learned` in the space is about, larger if better (or from `chance` to `perfect`).
            validation_loss: The loss on validation data.
            state: What the training continues from after an interruption: dicts, lists, tensors, numbers.
            signals: Further numbers, or lists and dicts of numbers, for the trial's history.

        Raises:
            ReportError: The update is not larger than the last one, or a value is not a number. The trial
                is then errored, also if the function catches it.
        """
        thread = self._thread()
        if thread.is_in_child:
            raise RuntimeError("trial.report: only the process that began the trial may report")
        if self.error is not None:
            raise StopTraining
        try:
            report = self._checked(update, loss, score, validation_loss, state, signals)
        except ReportError as error:
            self.error = error
            raise
        if self.watching is not None:
            # On equal names what the function reports itself counts.
            self._own_names = frozenset(report.signals)
            self._last_signals = {**self.watching.report(), **report.signals}
            report = replace(report, signals=self._last_signals)
        self._last_update = report.update
        return thread.hand_over(report)

    def watch(self, model: Any, optimizer: Any, loss_fn: Any = None, **options: Any) -> "TrialWatch":
        """Watch a training loop of the function, for causes on the failure map.

        Give each step to `watch.step(loss, inputs=, outputs=, targets=)`, and validations, if there are any,
        to `watch.validate(...)`, as with `failmap.watch`. What is seen goes into the next report.

        Args:
            model, optimizer, loss_fn: The network, its optimizer, and the loss as it is called.
            options: `metric`, `chance` and `time_dim` of `failmap.watch`.
        """
        # Imported here: a function that watches nothing needs none of it.
        from failmap.watcher.trial_watch import TrialWatch

        is_watched = self.watching is not None and self.watching.is_active
        watching = TrialWatch(model, optimizer, loss_fn, is_trial_watched=is_watched, **options)
        if not is_watched:
            self.watching = watching
        return watching

    def detach(self) -> None:
        """Remove the hooks of the watch, if there is one: the function has ended."""
        if self.watching is not None:
            self.watching.detach()

    def last_signals(self) -> Signals | None:
        """Return the signals of the last report with those of the whole training; None if nothing is new."""
        seen = {} if self.watching is None else self.watching.end()
        if not seen:
            return None
        new = {name: one for name, one in seen.items() if name not in self._own_names}
        new[WATCHED] = {**self._last_signals.get(WATCHED, {}), **new.get(WATCHED, {})}
        return {**self._last_signals, **new}

    def _checked(
        self, update: Any, loss: Any, score: Any, validation_loss: Any, state: Any, signals: dict[str, Any]
    ) -> Report:
        step = _number("update", update)
        if not math.isfinite(step) or step != int(step) or step < 0:
            raise ReportError(f"trial.report: update={update!r} must be a whole number, at least 0")
        if step <= self._last_update:
            before = f"the update reported before, {self._last_update}"
            if self._last_update < self.first_update:
                before = f"those done already: trial.first_update={self.first_update}"
            raise ReportError(f"trial.report: update={int(step)} must be larger than {before}")
        if WATCHED in signals:
            raise ReportError(
                f"trial.report: the signal {WATCHED} is that of trial.watch: choose another name"
            )
        if score is None:
            raise ReportError(f"trial.report: no score at update {int(step)}, which `learned` is about")
        return Report(
            update=int(step),
            loss=None if loss is None else _number("loss", loss),
            score=_number("score", score),
            validation_loss=None if validation_loss is None else _number("validation_loss", validation_loss),
            state=state,
            signals=rounded({name: _plain(name, value) for name, value in signals.items()}),
        )


def _number(name: str, value: Any) -> float:
    """Return a number, or a tensor or array of one, as a float."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value.detach() if isinstance(value, torch.Tensor) else value)
    except (TypeError, ValueError, RuntimeError):
        kind = (
            f"{type(value).__name__} of shape {tuple(value.shape)}"
            if hasattr(value, "shape")
            else repr(value)
        )
        raise ReportError(f"trial.report: {name} must be a number, not {kind:.80}") from None


def _plain(name: str, value: Any) -> Any:
    """Return a signal as numbers, texts, and lists and dicts of them."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, torch.Tensor):
        return value.detach().tolist()
    if hasattr(value, "tolist"):
        return _plain(name, value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _plain(name, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, inner) for inner in value]
    raise ReportError(
        f"trial.report: the signal {name} must be a number, or lists or dicts of them, not {value!r:.60}"
    )
