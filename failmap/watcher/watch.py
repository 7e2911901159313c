"""Watching of somebody's own training loop, in three lines of it.

watch = failmap.watch(model, optimizer, loss_fn)
for inputs, targets in loader:
    ...
    watch.step(loss, inputs=inputs, outputs=outputs, targets=targets)
verdict = watch.close()
"""

import atexit
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from failmap.run_folder.errors import UserError
from failmap.search.trial.probes.common import Signals, rounded, to_host
from failmap.watcher.folder import WatchedFolder, create_folder
from failmap.watcher.looks import Looks
from failmap.watcher.observer import Observer, Step, Watched
from failmap.watcher.observers import OBSERVERS
from failmap.watcher.problems import problems_of_step, problems_of_watch, warn
from failmap.watcher.recording import Recording
from failmap.watcher.verdict import Verdict

#: Seconds between two writes of a training that goes on.
_WRITE_SECONDS = 20.0
#: Validations that observers see.
_MAX_SHOWN_VALIDATIONS = 100
#: Models that are being watched.
_watched_models: "weakref.WeakSet[nn.Module]" = weakref.WeakSet()


class Watch:
    """Watches one training.

    Nothing here raises into the loop: mistakes are warned of once, and the training goes on.

    Args:
        model: The network that is trained.
        optimizer: Its optimizer.
        loss_fn: The loss as it is called; helps to judge losses that autograd's graph does not show.
        name: Of the run folder; None for a unique one after the script.
        storage: Folder that holds runs.
        every: Steps of an evaluation; None for about 32 to 64 evaluations, however long the training.
        metric: Name of the metric that `validate` is given; None if it is to be derived from the targets.
        chance: The metric of blind guessing; None if it is to be derived from the targets.
        time_dim: Dimension of the time steps in the inputs; None if it is to be found.
        must_write: Whether a run folder is written.

    Attributes:
        problems: What was warned of.
        verdict: The latest one; None before the first.
        looks: The schedule of looks, and what they took.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss_fn: Any = None,
        *,
        name: str | None = None,
        storage: str = "runs",
        every: int | None = None,
        metric: str | None = None,
        chance: float | None = None,
        time_dim: int | None = None,
        must_write: bool = True,
    ) -> None:
        self.problems: list[str] = []
        self.verdict: Verdict | None = None
        self.looks = Looks()
        self._is_active = False
        self._observers: list[Observer] = []
        self._observers_of_steps: list[Observer] = []
        self._good_shapes: tuple[torch.Size | None, ...] = ()
        self._is_looking = False
        problems = problems_of_watch(model, optimizer, every=every, is_watched=_is_watched(model))
        if problems:
            self._warn(*problems)
            return
        self._is_active = True
        self._at_exit = partial(_close_at_exit, weakref.ref(self))
        _watched_models.add(model)
        self._watched = Watched(model, optimizer, loss_fn, time_dim)
        self._recording = Recording(self._watched, every=every, metric=metric, chance=chance)
        self._folder = None
        self._num_shown_validations = 0
        self._written_at = monotonic()
        if must_write and _is_first_process():
            try:
                self._folder = WatchedFolder(create_folder(storage, name))
            except (UserError, OSError) as error:
                self._warn(f"nothing is written: {error}")
        with self._guarded():
            self._observers = [make(self._watched) for make in OBSERVERS]
            self._observers_of_steps = [
                one for one in self._observers if type(one).at_step != Observer.at_step
            ]
            self._prepare_look()
        atexit.register(self._at_exit)

    def step(self, loss: Any, *, inputs: Any = None, outputs: Any = None, targets: Any = None) -> None:
        """Record a step, after the optimizer's.

        Args:
            loss: The step's loss, a scalar; with its graph if possible, so not `loss.item()`.
            inputs, outputs, targets: What the loss was computed from; the first tensor of each counts.
        """
        if not self._is_active:
            if self.verdict is not None:
                self._warn("watch.step was called after watch.close")
            return
        with self._guarded():
            self._step(loss, inputs, outputs, targets)

    def _step(self, loss: Any, inputs: Any, outputs: Any, targets: Any) -> None:
        step = self._shown(self._recording.update + 1, loss, inputs, outputs, targets)
        tensors = (step.loss, step.inputs, step.outputs, step.targets)
        shapes = tuple(None if tensor is None else tensor.shape for tensor in tensors)
        # Only shapes are checked, and most loops show the same ones at every step.
        problems = [] if shapes == self._good_shapes else problems_of_step(step)
        if not problems:
            self._good_shapes = shapes
        else:
            self._warn(*problems)
            step = Step(step.update, step.loss.mean(), step.inputs, is_training=step.is_training)
        self._recording.add_step(step)
        for observer in self._observers_of_steps:
            observer.at_step(step)
        if self._is_looking:
            with self.looks.timed():
                signals = self._signals(observer.after_look(step) for observer in self._observers)
                self._recording.add_look(step, signals)
            self._is_looking = False
            self.looks.done(step.update)
            if monotonic() - self._written_at > _WRITE_SECONDS:
                self._write(is_over=False)
        self._prepare_look()

    def validate(
        self, loss: Any, *, inputs: Any = None, outputs: Any = None, targets: Any = None, metric: Any = None
    ) -> None:
        """Record a validation, or one batch of it; all calls between two steps are averaged.

        Args:
            loss: Its loss, a number or a tensor.
            inputs, outputs, targets: What it was computed from, if at hand.
            metric: The metric that `failmap.watch(metric=...)` names.
        """
        if not self._is_active:
            if self.verdict is not None:
                self._warn("watch.validate was called after watch.close")
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

    def close(self) -> Verdict | None:
        """End the watch, print the verdict, and return it; None if nothing could be watched."""
        if not self._is_active:
            return self.verdict
        with self._guarded():
            for observer in self._observers:
                observer.remove()
            final = self._signals(observer.at_end() for observer in self._observers)
            self._recording.add_final(final)
            self._write(is_over=True)
            print(self.verdict, flush=True)
        self._end()
        return self.verdict

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare_look(self) -> None:
        """Let observers set their hooks if the next step is looked at."""
        if self.looks.is_due(self._recording.update + 1):
            self._is_looking = True
            with self.looks.timed():
                for observer in self._observers:
                    observer.before_look()

    def _shown(self, update: int, loss: Any, inputs: Any, outputs: Any, targets: Any) -> Step:
        loss = loss if isinstance(loss, Tensor) else torch.tensor(float(loss))
        shown = {"inputs": inputs, "outputs": outputs, "targets": targets}
        tensors = {name: _first_tensor(value) for name, value in shown.items()}
        return Step(update, loss, **tensors, is_training=self._watched.model.training)

    def _signals(self, parts: Iterator[Signals]) -> Signals:
        signals: Signals = {}
        for part in parts:
            signals |= part
        found: Signals = rounded(to_host(signals))
        return found

    def _write(self, *, is_over: bool) -> None:
        self._written_at = monotonic()
        self.verdict = self._recording.write(self._folder, is_over=is_over)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn any fault of the watch into one warning, after which it stops watching."""
        try:
            yield
        except Exception as error:  # The user's training must go on, whatever fails here.
            self._end()
            self._warn(f"the watch failed and stops, the training goes on: {type(error).__name__}: {error}")

    def _end(self) -> None:
        """Stop watching, and remove all hooks, whatever an observer raises."""
        self._is_active = False
        atexit.unregister(self._at_exit)
        for observer in self._observers:
            with suppress(Exception):
                observer.remove()
        _watched_models.discard(self._watched.model)

    def _warn(self, *problems: str) -> None:
        new = [problem for problem in problems if problem not in self.problems]
        self.problems += new
        for problem in new:
            warn(problem, stacklevel=4)


def watch(model: nn.Module, optimizer: Optimizer, loss_fn: Any = None, **options: Any) -> Watch:
    """Watch a training loop; see `Watch` for the options."""
    return Watch(model, optimizer, loss_fn, **options)


def _is_watched(model: Any) -> bool:
    return isinstance(model, nn.Module) and model in _watched_models


def _is_first_process() -> bool:
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized() and distributed.get_rank() > 0)


def _first_tensor(value: Any) -> Tensor | None:
    """Return the first tensor in nested sequences and mappings, or None; packed sequences give their data."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, nn.utils.rnn.PackedSequence):
        return nn.utils.rnn.pad_packed_sequence(value, batch_first=True)[0]
    parts: Sequence[Any] = ()
    if isinstance(value, Mapping):
        parts = list(value.values())
    elif isinstance(value, list | tuple):
        parts = value
    return next((found for part in parts if (found := _first_tensor(part)) is not None), None)


def _close_at_exit(reference: "weakref.ref[Watch]") -> None:
    watching = reference()
    if watching is not None:
        watching.close()
