"""Whether the gradients of different batches agree: what they share is what the labels teach."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from failmap.search.trial.probes.common import Signals
from failmap.watcher.guard import Guard
from failmap.watcher.observer import Observer, Step, Watched
from failmap.watcher.parts import named_parameters

#: Numbers of the gradient that are compared at most.
_NUM_COMPARED = 1 << 14


class AgreementObserver(Observer):
    """Compares the gradient of each look with that of the look before.

    `gradient_agreement` is the cosine between them: near 1 while all batches ask for the same change, and
    scattered about 0 where the gradient is nothing but the noise of its batch. Of large networks, every n-th
    entry is compared.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._guard = Guard()
        self._handle: RemovableHandle | None = None
        self._before: dict[str, Tensor] = {}
        self._now: dict[str, Tensor] = {}

    def before_look(self) -> None:
        """Set a hook on the optimizer, since loops may forget the gradients after its step."""
        self.remove()
        self._handle = self.watched.optimizer.register_step_pre_hook(self._guard(self._before_step))

    def after_look(self, step: Step) -> Signals:
        """Return the cosine with the look before."""
        self.remove()
        self._guard.raise_error()
        before, self._before, self._now = self._before, self._now, {}
        shared = [name for name in self._before if name in before]
        if not shared:
            return {}
        one, other = (torch.cat([part[name] for name in shared]) for part in (self._before, before))
        return {"gradient_agreement": torch.nn.functional.cosine_similarity(one, other, dim=0)}

    def remove(self) -> None:
        """Remove the hook."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    @torch.no_grad()
    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        gradients = {
            name: parameter.grad
            for name, parameter in named_parameters(self.watched.model).items()
            if parameter.grad is not None and parameter.grad.layout == torch.strided
        }
        stride = 1 + sum(gradient.numel() for gradient in gradients.values()) // _NUM_COMPARED
        self._now = {name: _sample(one, stride) for name, one in gradients.items()}


def _sample(gradient: Tensor, stride: int) -> Tensor:
    """Return about every `stride`-th entry, from all columns alike."""
    columns = gradient.shape[-1] if gradient.dim() else 1
    while math.gcd(stride, columns) > 1:
        stride += 1
    return gradient.flatten()[::stride].float().clone()
