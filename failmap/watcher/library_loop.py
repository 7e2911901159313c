"""A watch of a loop that another library runs: what the adapters to such libraries share."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from failmap.watcher.problems import warn
from failmap.watcher.verdict import Verdict
from failmap.watcher.watch import Watch

#: Names of targets in batches that are mappings.
TARGET_NAMES = ("labels", "label", "targets", "target", "y")


def inputs_and_targets(batch: Any) -> tuple[Any, Any]:
    """Return the parts of a batch; None for what it lacks.

    Args:
        batch: A sequence, whose last part is the targets; or a mapping, where they are called as one of
            TARGET_NAMES, and the rest is inputs; or inputs alone.
    """
    if isinstance(batch, Mapping):
        name = next((name for name in TARGET_NAMES if batch.get(name) is not None), None)
        inputs = {key: value for key, value in batch.items() if key != name}
        return inputs, None if name is None else batch[name]
    if isinstance(batch, Sequence) and len(batch) > 1:
        return batch[:-1], batch[-1]
    return batch, None


def without_loss(outputs: Any) -> Any:
    """Return what a model returns besides its loss: the entry `logits`, or all others."""
    if isinstance(outputs, Mapping):
        others = {key: value for key, value in outputs.items() if key != "loss"}
        return others.get("logits", others)
    return outputs[1:] if isinstance(outputs, Sequence) and loss_in(outputs) is not None else outputs


def loss_in(outputs: Any) -> Tensor | None:
    """Return the loss that a step or a model returns: a number alone, the entry `loss`, or the first one."""
    if isinstance(outputs, Mapping):
        outputs = outputs.get("loss")
    elif isinstance(outputs, Sequence) and outputs:
        outputs = outputs[0]
    return outputs if isinstance(outputs, Tensor) and outputs.numel() == 1 else None


class LibraryLoop:
    """Collects what single passes show, and calls `watch.step` once per step of the optimizer.

    Args:
        loss_fn: As in `failmap.watch`.
        options: As in `failmap.watch`.

    Attributes:
        verdict: After the training; None if nothing could be watched.

    Raises:
        TypeError: `failmap.watch` knows no such option.
    """

    def __init__(self, loss_fn: Any, options: dict[str, Any]) -> None:
        signature(Watch).bind(None, None, loss_fn, **options)
        self.verdict: Verdict | None = None
        self._loss_fn, self._options = loss_fn, options
        self._watch: Watch | None = None
        self._hooks: list[Any] = []
        self._problems: set[str] = set()
        # Of one step: the last pass, and the losses of all.
        self._loss: Tensor | None = None
        self._shown: dict[str, Any] = {}
        self._values: list[Tensor] = []
        # Of one validation: its last batch, and the losses that were not shown to the watch.
        self._validation: dict[str, Any] = {}
        self._validation_losses: list[Tensor] = []
        self._is_validated = False

    @property
    def is_active(self) -> bool:
        """Return whether a training is being watched."""
        return self._watch is not None

    def start(
        self, model: nn.Module, optimizers: Sequence[Optimizer], modules: Sequence[nn.Module], hook: Any
    ) -> None:
        """Start to watch a training.

        Args:
            model: The network.
            optimizers: All of the training; one can be watched.
            modules: Modules whose forward passes are shown to the hook.
            hook: Takes module, args, kwargs and output.
        """
        self.close()
        self._problems = set()
        if len(optimizers) != 1:
            self.warn(
                f"nothing is watched: the callback watches one optimizer, not {len(optimizers)}: "
                "call failmap.watch in the training step, once for each network"
            )
            return
        self._watch = Watch(model, optimizers[0], self._loss_fn, **self._options)
        self._hooks = [module.register_forward_hook(hook, with_kwargs=True) for module in modules]

    def add_pass(self, loss: Tensor, value: Tensor | None = None, **shown: Any) -> None:
        """Add a forward and backward pass; its gradient is added to those of the same step.

        Args:
            loss: With its graph.
            value: Its value, if the library has scaled the one with the graph for mixed precision.
            shown: `inputs`, `outputs` and `targets`, if known; those of the step's last pass count.
        """
        self._loss, self._shown = loss, shown
        self._values.append((loss if value is None else value).detach())

    def step(self, *, is_sum: bool = False, factor: float = 1.0) -> bool:
        """Show a step of the optimizer to the watch; return whether there was a pass to show.

        Args:
            is_sum: Whether the step's loss is the sum of those of its passes, not their mean.
            factor: What the library has divided the loss of each pass by.
        """
        if self._watch is None or self._loss is None:
            return False
        values = torch.stack(self._values)
        # The graph of the last pass, with the value of the step.
        loss = self._loss.clone()
        loss.detach().copy_(factor * (values.sum(0) if is_sum else values.mean(0)))
        self._watch.step(loss, **self._shown)
        self._forget_passes()
        return True

    def add_validation(self, loss: Tensor | None, **shown: Any) -> None:
        """Add a batch of a validation, with its loss if it is known."""
        if self._watch is None:
            return
        if loss is not None and self._options.get("metric") is None:
            self._watch.validate(loss, **shown)
            self._is_validated = True
            return
        self._validation = shown
        self._validation_losses += [] if loss is None else [loss.detach()]

    def end_validation(self, logged: Mapping[str, Any], *, prefix: str = "", loss_name: str) -> None:
        """End a validation: if its batches do not say all, what the library has logged does.

        Args:
            logged: Numbers by name.
            prefix: What the library puts before the name of the user's metric.
            loss_name: Name of the loss.
        """
        if self._watch is None:
            return
        losses, shown, is_validated = self._validation_losses, self._validation, self._is_validated
        self._forget_validation()
        if is_validated:
            return
        name = self._options.get("metric")
        loss = torch.stack(losses).mean() if losses else logged.get(loss_name)
        metric = None if name is None else logged.get(f"{prefix}{name}", logged.get(name))
        missing = loss_name if loss is None else name if name is not None and metric is None else None
        if missing is not None:
            self.warn(
                f"validation is not watched: it logs no {missing}, but {', '.join(logged) or 'nothing'}"
            )
            return
        self._watch.validate(loss, metric=metric, **shown)

    def close(self) -> None:
        """End the watch, and remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._forget_passes()
        self._forget_validation()
        if self._watch is not None:
            watch, self._watch = self._watch, None
            self.verdict = watch.close()

    def warn(self, problem: str) -> None:
        """Warn of a problem, once a training."""
        if problem not in self._problems:
            self._problems.add(problem)
            warn(f"watch: {problem}")

    def _forget_passes(self) -> None:
        self._loss, self._shown, self._values = None, {}, []

    def _forget_validation(self) -> None:
        self._validation, self._validation_losses, self._is_validated = {}, [], False


class LoopCallback:
    """A callback that watches a loop; to be mixed into a class of the library.

    Attributes:
        loop: The watched loop.
    """

    loop: LibraryLoop

    @property
    def verdict(self) -> Verdict | None:
        """Return the verdict of the last training; None before its end, or if nothing could be watched."""
        return self.loop.verdict


def never_raises(method: Callable[..., None]) -> Callable[..., None]:
    """Return a method of a LoopCallback: a fault in it ends the watch, and the training goes on."""

    @wraps(method)
    def guarded(self: LoopCallback, *args: Any, **kwargs: Any) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            self.loop.warn(
                f"the watch failed and stops, the training goes on: {type(error).__name__}: {error}"
            )
            self.loop.close()

    return guarded
