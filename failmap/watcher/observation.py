"""The observation of one training, step by step: what `failmap.watch` and watched trials have in common."""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from torch.optim import Optimizer

from failmap.search.trial.probes.common import Signals, rounded, to_host
from failmap.watcher.looks import Looks
from failmap.watcher.observer import Observer, Step, Watched
from failmap.watcher.observers import OBSERVERS
from failmap.watcher.problems import problems_of_step, problems_of_watch
from failmap.watcher.recording import Recording
from failmap.watcher.repeats import Repeats

#: Validations that observers see.
_MAX_SHOWN_VALIDATIONS = 100
#: Models that are being watched.
_watched_models: "weakref.WeakSet[nn.Module]" = weakref.WeakSet()


class Observation:
    """Observes one training by its calls of `step` and `validate`.

    Nothing here raises into the loop: mistakes are told once, and the training goes on.

    Args:
        model: The network that is trained.
        optimizer: Its optimizer.
        loss_fn: The loss as it is called; helps to judge losses that autograd's graph does not show.
        looks: The schedule of looks.
        recording: The kind of record that is kept.
        refusal: Why nothing may be watched; empty if something may.
        every: Steps of an evaluation; None for about 32 to 64 evaluations, however long the training.
        metric: Name of the metric that `validate` is given; None if it is to be derived from the targets.
        chance: The metric of blind guessing; None if it is to be derived from the targets.
        time_dim: Dimension of the time steps in the inputs; None if it is to be found.

    Attributes:
        problems: What was told.
        looks: The schedule of looks, and what they took.
        is_active: Whether steps are recorded.
        can_record: Whether the training could be watched, and the watch has not failed.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss_fn: Any = None,
        *,
        looks: Looks,
        recording: type[Recording] = Recording,
        refusal: str = "",
        every: int | None = None,
        metric: str | None = None,
        chance: float | None = None,
        time_dim: int | None = None,
    ) -> None:
        self.problems: list[str] = []
        self.looks = looks
        self.is_active, self.can_record = False, False
        self._is_closed = False
        self._observers: list[Observer] = []
        self._is_looking, self._num_plain = False, 0
        self._num_shown_validations = 0
        problems = [refusal] if refusal else []
        problems = problems or problems_of_watch(model, optimizer, every=every, is_watched=_is_watched(model))
        if problems:
            self.tell(*problems)
            return
        self.is_active = self.can_record = True
        _watched_models.add(model)
        self._watched = Watched(model, optimizer, loss_fn, time_dim)
        self._recording = recording(self._watched, every=every, metric=metric, chance=chance)
        self._repeats = Repeats(self._watched)
        with self._guarded():
            self._observers = [make(self._watched) for make in OBSERVERS]
            self._prepare_look()

    def step(self, loss: Any, *, inputs: Any = None, outputs: Any = None, targets: Any = None) -> None:
        """Record a step, after the optimizer's.

        Args:
            loss: The step's loss, a scalar; with its graph if possible, so not `loss.item()`.
            inputs, outputs, targets: What the loss was computed from; the first tensor of each counts.
        """
        if not self.is_active:
            if self._is_closed:
                self.tell("watch.step was called after watch.close")
            return
        # As `_guarded` does, without the cost of a context at every step.
        try:
            if self._num_plain and self._repeats.add(loss, inputs, outputs, targets):
                self._num_plain -= 1
                self._recording.add_loss(loss)
            else:
                self._step(loss, inputs, outputs, targets)
        except Exception as error:
            self._fail(error)

    def _step(self, loss: Any, inputs: Any, outputs: Any, targets: Any) -> None:
        self._end_repeats()
        if not self._is_looking and isinstance(inputs, PackedSequence):
            inputs = None  # Only looks need them, and padding costs a copy.
        step = self._shown(self._recording.update + 1, loss, inputs, outputs, targets)
        problems = problems_of_step(step)
        if problems:
            self.tell(*problems)
            step = Step(step.update, step.loss.mean(), step.inputs, is_training=step.is_training)
        self._recording.add_step(step)
        for observer in self._observers:
            observer.at_step(step)
        if self._is_looking:
            with self.looks.timed():
                signals = self._signals(observer.after_look(step) for observer in self._observers)
                self._recording.add_look(step, signals)
            self._is_looking = False
            self.looks.done(step.update)
            self._after_look()
        self._prepare_look()
        self._repeats.begin(step)
        is_plain = not self._is_looking and not problems
        self._num_plain = min(self._recording.num_plain, self.looks.num_plain(step.update)) if is_plain else 0

    def _end_repeats(self) -> None:
        if self._repeats.number:
            for observer in self._observers:
                observer.at_repeats(self._repeats.number)
            self._repeats.number = 0

    def validate(
        self, loss: Any, *, inputs: Any = None, outputs: Any = None, targets: Any = None, metric: Any = None
    ) -> None:
        """Record a validation, or one batch of it; all calls between two steps are averaged.

        Args:
            loss: Its loss, a number or a tensor.
            inputs, outputs, targets: What it was computed from, if at hand.
            metric: The metric that `failmap.watch(metric=...)` names.
        """
        if not self.is_active:
            if self._is_closed:
                self.tell("watch.validate was called after watch.close")
            return
        with self._guarded():
            step = self._shown(self._recording.update, loss, inputs, outputs, targets)
            is_shown = self._num_shown_validations < _MAX_SHOWN_VALIDATIONS
            signals: Signals = {}
            if is_shown:
                self._num_shown_validations += 1
                with self.looks.timed():
                    signals = self._signals(observer.at_validation(step) for observer in self._observers)
            self._recording.add_validation(step, metric, signals, is_shown=is_shown)

    def tell(self, *problems: str) -> None:
        """Tell of mistakes and faults, each once."""
        new = [problem for problem in problems if problem not in self.problems]
        self.problems += new
        for problem in new:
            self._tell(problem)

    def detach(self) -> None:
        """Stop recording, and remove all hooks, whatever an observer raises."""
        if not self.is_active:
            return
        self.is_active = False
        for observer in self._observers:
            with suppress(Exception):
                observer.remove()
        _watched_models.discard(self._watched.model)

    def _tell(self, problem: str) -> None:
        """Show one problem to the user."""
        raise NotImplementedError

    def _after_look(self) -> None:
        """Do what is due now and then, after a look."""

    def _add_final(self) -> None:
        """Record what observers say of the whole training."""
        self._end_repeats()
        for observer in self._observers:
            observer.remove()
        self._recording.add_final(self._signals(observer.at_end() for observer in self._observers))

    def _prepare_look(self) -> None:
        """Let observers set their hooks if the next step is looked at."""
        if self.looks.is_due(self._recording.update + 1):
            self._is_looking = True
            with self.looks.timed():
                for observer in self._observers:
                    observer.before_look()

    def _shown(self, update: int, loss: Any, inputs: Any, outputs: Any, targets: Any) -> Step:
        loss = loss if isinstance(loss, Tensor) else torch.tensor(float(loss))
        tensors = (first_tensor(inputs), first_tensor(outputs), first_tensor(targets))
        return Step(update, loss, *tensors, self._watched.model.training)

    def _signals(self, parts: Iterator[Signals]) -> Signals:
        signals: Signals = {}
        for part in parts:
            signals |= part
        found: Signals = rounded(to_host(signals))
        return found

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn any fault of the watch into one line, after which it stops watching."""
        try:
            yield
        except Exception as error:  # The user's training must go on, whatever fails here.
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.can_record = False
        self.detach()
        self.tell(f"the watch failed and stops, the training goes on: {type(error).__name__}: {error}")


def first_tensor(value: Any) -> Tensor | None:
    """Return the first tensor in nested sequences and mappings, or None; packed sequences give their data."""
    if value is None or isinstance(value, Tensor):
        return value
    if isinstance(value, PackedSequence):
        return pad_packed_sequence(value, batch_first=True)[0]
    parts: Sequence[Any] = ()
    if isinstance(value, Mapping):
        parts = list(value.values())
    elif isinstance(value, list | tuple):
        parts = value
    return next((found for part in parts if (found := first_tensor(part)) is not None), None)


def _is_watched(model: Any) -> bool:
    return isinstance(model, nn.Module) and model in _watched_models
