"""Hidden states that a loop carries from one batch to the next."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from failmap.search.trial.probes.common import Signals
from failmap.watcher.observer import Observer, Step, Watched

#: Numbers of a state that are compared.
_NUM_COMPARED = 64


class CarriedObserver(Observer):
    """Compares looks at consecutive steps: whether a recurrent layer starts from the state of the last step.

    `state_graph_carried` at a look is 1 if a layer's first state of a step equals the last one that it
    returned in the step before, and still has its graph. The signal `state_carried` at the end has `steps`,
    the number of pairs of steps that were compared; `share`, of those with an equal state, with its graph or
    without; and `continuity`, how far the first inputs of a batch are from the last inputs of the batch
    before, in units of the distance to those of another sequence, the median: about 1 for unrelated batches,
    near 0 for batches that continue. It is missing for inputs that are no real numbers or of another shape.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._hooks: list[RemovableHandle] = []
        self._first: dict[str, Tensor] = {}
        self._last: dict[str, Tensor] = {}
        self._with_graph: set[str] = set()
        self._before: tuple[int, dict[str, Tensor], Tensor | None] | None = None
        self._carried: list[Tensor] = []
        self._continuities: list[Tensor] = []

    def before_look(self) -> None:
        """Hook the recurrent layers."""
        self.remove()
        self._first, self._last, self._with_graph = {}, {}, set()
        for name, layer in self.watched.model.named_modules():
            if isinstance(layer, nn.RNNBase):
                self._hooks.append(layer.register_forward_pre_hook(self._reader(name), with_kwargs=True))
                self._hooks.append(layer.register_forward_hook(self._returned(name)))

    def _reader(self, name: str) -> Any:
        def read(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = args[1] if len(args) > 1 else kwargs.get("hx")
            # A layer that is called step by step starts from its own state but the first time.
            if name not in self._first and name not in self._last and given is not None:
                self._first[name] = _compared(given)
                first = given[0] if isinstance(given, tuple) else given
                if first.grad_fn is not None:
                    self._with_graph.add(name)

        return read

    def _returned(self, name: str) -> Any:
        def read(layer: nn.Module, args: tuple[Any, ...], result: Any) -> None:
            self._last[name] = _compared(result[1])

        return read

    def after_look(self, step: Step) -> Signals:
        """Compare with the look before, if it was the step before."""
        self.remove()
        ends = _ends(step.inputs, self.watched.time_dim)
        before, self._before = self._before, (step.update, self._last, ends[1] if ends else None)
        if before is None or before[0] != step.update - 1 or not self._last:
            return {}
        equal = {
            name: (self._first[name] == last).all() & (last != 0).any()
            for name, last in before[1].items()
            if name in self._first and self._first[name].shape == last.shape
        }
        self._carried.append(_any(list(equal.values())))
        if ends and before[2] is not None and before[2].shape == ends[0].shape:
            self._continuities.append(_continuity(before[2], ends[0]))
        return {"state_graph_carried": _any([one for name, one in equal.items() if name in self._with_graph])}

    def at_end(self) -> Signals:
        """Sum up what was compared."""
        if not self._carried:
            return {}
        carried: Signals = {
            "steps": len(self._carried),
            "share": float(np.mean(list(map(bool, self._carried)))),
        }
        if self._continuities:
            carried["continuity"] = float(np.median(list(map(float, self._continuities))))
        return {"state_carried": carried}

    def remove(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []


def _any(flags: list[Tensor]) -> Tensor:
    return torch.stack(flags).any().int() if flags else torch.tensor(0)


def _compared(state: Any) -> Tensor:
    """Return a few numbers of a state, of an LSTM its first part."""
    first: Tensor = state[0] if isinstance(state, tuple) else state
    return first.detach().flatten()[-_NUM_COMPARED:].clone()


def _ends(inputs: Tensor | None, time_dim: int | None) -> tuple[Tensor, Tensor] | None:
    """Return the inputs at the first and last step, shape (sequences, features), or None."""
    if inputs is None or inputs.ndim != 3 or not inputs.is_floating_point():
        return None
    dim = 1 if time_dim is None else time_dim % 3
    if dim == 2 or min(inputs.shape) < 1 or inputs.shape[1 - dim] < 2:
        return None
    values = inputs.detach()
    return values.select(dim, 0).clone(), values.select(dim, -1).clone()


def _continuity(last: Tensor, first: Tensor) -> Tensor:
    """Return the distance of successive inputs in units of that to the next sequence's."""
    near = (first - last).abs().mean()
    far = (first - last.roll(1, 0)).abs().mean()
    return near / far.clamp(min=1e-12)
