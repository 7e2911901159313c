"""Teacher forcing: a network that gets the true outputs in training, and its own in validation."""

from collections import deque
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from failmap.search.trial.probes.common import Signals
from failmap.watcher.examples.host_batch import Array, to_array
from failmap.watcher.observer import Observer, Step, Watched

#: Calls of a layer whose inputs are kept: those of a loop over as many steps.
_MAX_CALLS = 256
#: Validations in which inputs are observed, after a look has shown the true outputs among them.
_MAX_VALIDATIONS = 3
#: Share of inputs that must be the shifted targets in training.
_FORCED = 0.9
#: Sequences that are compared.
_MAX_ROWS = 64


class TeacherObserver(Observer):
    """Compares the inputs of recurrent and embedding layers with the targets one step before.

    Signal: `teacher_forcing`, the share of equal numbers in `training` and `validation`. Hooks stay between
    looks only once a look has shown them equal, until _MAX_VALIDATIONS were seen.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._hooks: list[RemovableHandle] = []
        self._inputs: dict[nn.Module, deque[Tensor]] = {}
        self._forced: float | None = None
        self._num_validations = 0

    def before_look(self) -> None:
        """Set hooks, unless they are set, until a training with the true outputs is recognised."""
        self._inputs.clear()
        if self._forced is None:
            self.remove()
            self._set()

    def _set(self) -> None:
        kinds = (nn.RNNBase, nn.RNNCellBase, nn.Embedding)
        layers = [part for part in self.watched.model.modules() if isinstance(part, kinds)]
        self._hooks = [layer.register_forward_pre_hook(self._observe) for layer in layers]

    def _observe(self, layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        given = arguments[0] if arguments else None
        # Between looks nothing of training is kept.
        if isinstance(given, Tensor) and not (layer.training and self._forced is not None):
            self._inputs.setdefault(layer, deque(maxlen=_MAX_CALLS)).append(given.detach())

    def after_look(self, step: Step) -> Signals:
        """Recognise the true outputs among the inputs of a layer."""
        if self._forced is None:
            share = self._share(step)
            self.remove()
            if share is not None and share >= _FORCED:
                self._forced = share
                self._set()
        self._inputs.clear()
        return {}

    def at_validation(self, step: Step) -> Signals:
        """Return the shares in training and validation."""
        if self._forced is None or not self._hooks:
            return {}
        share = self._share(step)
        self._inputs.clear()
        self._num_validations += 1
        if self._num_validations >= _MAX_VALIDATIONS:
            self.remove()
        return {} if share is None else {"teacher_forcing": {"training": self._forced, "validation": share}}

    def _share(self, step: Step) -> float | None:
        """Return the largest share of a layer's inputs that equal the targets one step before."""
        targets = step.targets
        if targets is None or targets.ndim < 2:
            return None
        wanted = to_array(targets[:_MAX_ROWS])
        shares = [_equal_share(list(calls), layer, wanted) for layer, calls in self._inputs.items()]
        return max((share for share in shares if share is not None), default=None)

    def remove(self) -> None:
        """Remove every hook."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []


def _equal_share(calls: list[Tensor], layer: nn.Module, targets: Array) -> float | None:
    """Return the share of inputs that equal the targets one step before, or None if shapes do not agree."""
    axis = 1 if getattr(layer, "batch_first", True) else 0
    num_rows, num_steps = targets.shape[:2]
    whole = calls[-1] if axis == 1 or calls[-1].ndim < 2 else calls[-1].transpose(0, 1)
    if whole.ndim >= 2 and whole.shape[1] == num_steps > 1:
        given = to_array(whole[:_MAX_ROWS])
    else:
        # Layers that are called once a step get (batch, ...) or (batch, 1, ...).
        parts = [one.squeeze(axis) if one.ndim > 1 and one.shape[axis] == 1 else one for one in calls]
        parts = parts[-num_steps:]
        if parts[0].ndim < 1 or len({part.shape for part in parts}) > 1:
            return None
        given = to_array(torch.stack([part[:_MAX_ROWS] for part in parts], dim=1))
    shown = targets.reshape(num_rows, num_steps, -1)
    given = given.reshape(*given.shape[:2], -1)
    if given.shape[:2] != shown.shape[:2] or given.shape[2] != shown.shape[2] or num_steps < 3:
        return None
    later, before = given[:, 1:], shown[:, :-1]
    # A constant would be equal by chance.
    if not before.std() > 0:
        return None
    return float((abs(later - before) < 1e-6).mean())
