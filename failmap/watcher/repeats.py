"""Steps that look like the one before them, of which only the loss is new."""

from typing import Any

import torch
from torch import Tensor

from failmap.watcher.observer import Step, Watched


class Repeats:
    """Counts steps with the same shapes, mode and learning rates as the last one that was seen whole.

    Most steps of most loops are such. The watch's Python code is cold after each step of the loop's own, and
    takes ten times as long as in a tight loop: this is the little of it that most steps need.

    Attributes:
        number: Repeats since the last step that was seen whole.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._shapes: list[torch.Size | None] = []
        self._rates: list[Any] | None = None
        self._is_training = True
        self.number = 0

    def begin(self, step: Step) -> None:
        """Remember a step that was seen whole."""
        tensors = (step.loss, step.inputs, step.outputs, step.targets)
        self._shapes = [None if tensor is None else tensor.shape for tensor in tensors]
        self._is_training = step.is_training
        rates = [group["lr"] for group in self._watched.optimizer.param_groups]
        # A tensor may change in place, and may be on a device, so that reading it would wait.
        self._rates = None if any(isinstance(rate, Tensor) for rate in rates) else rates
        self.number = 0

    def add(self, loss: Any, *given: Any) -> bool:
        """Return whether a step repeats the last one, and count it if so."""
        if not isinstance(loss, Tensor):
            return False
        # Nested inputs have no shape of their own: such a step is seen whole.
        shapes = [loss.shape, *(getattr(one, "shape", None) for one in given)]
        is_repeated = (
            shapes == self._shapes
            and self._watched.model.training == self._is_training
            and [group["lr"] for group in self._watched.optimizer.param_groups] == self._rates
        )
        self.number += is_repeated
        return is_repeated
