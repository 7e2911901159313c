"""Axes that stand in each other's place, and shapes that broadcast against each other."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from failmap.search.trial.probes.common import Signals
from failmap.watcher.last_batches import LastBatches
from failmap.watcher.observer import Observer, Step, Watched
from failmap.watcher.observers.graph import chain, loss_node, loss_with_graph, name_of, previous, shape_of

#: Operations that keep the order of the leading axes, between which shapes can be compared.
_ORDERED = frozenset(
    {
        "View",
        "UnsafeView",
        "ReshapeAlias",
        "Addmm",
        "Mm",
        "Add",
        "Relu",
        "Tanh",
        "Sigmoid",
        "NativeDropout",
        "Clone",
    }
)
_RESHAPES = frozenset({"View", "UnsafeView", "ReshapeAlias"})


class ShapeObserver(Observer):
    """Reports shapes that do not belong together, at looks where it sees some.

    `broadcast_shapes` is a list of the shapes of outputs, targets and of the loss per entry, which is larger
    than both. `batch_axis_read` is the axis, 0 or 1, that a recurrent layer takes as the batch while it is
    the other one, with `batch_axis_layer`, and `batch_axis_shown` by 'targets' at looks or by 'last_batches'
    at the end. `mixing_view` has the two shapes of a reshape that mixes axes.
    At the end, `one_unit_before_head` names a linear layer of one unit before a last one of several.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._hooks: list[RemovableHandle] = []
        self._seen: dict[str, tuple[tuple[int, ...], bool]] = {}
        self._layers: dict[str, tuple[tuple[int, ...], bool]] = {}
        self._last_batches = LastBatches()
        self._sizes: tuple[int, ...] | None = None
        self._is_state_given = False
        self._has_attention = any(isinstance(one, nn.MultiheadAttention) for one in watched.model.modules())

    def at_step(self, step: Step) -> None:
        """See the sizes of the inputs."""
        self._sizes = None
        if step.inputs is not None and step.inputs.ndim > 1:
            self._sizes = tuple(step.inputs.shape[:2])
            self._last_batches.see(self._sizes)

    def at_repeats(self, number: int) -> None:
        """See the same sizes again: once is as good as often."""
        if self._sizes is not None:
            self._last_batches.see(self._sizes)

    def at_end(self) -> Signals:
        """Look for a head that sees a single unit, and for the batch axis that the last batches show."""
        axis, usual = self._last_batches.axis, self._last_batches.usual
        # A long sequence that is read in parts, each from the last one's state, ends in a shorter part.
        if axis is None or usual is None or self._is_state_given:
            return self._narrow()
        return self._narrow() | self._mistaken_axis(axis, usual, self._layers, "last_batches")

    def _narrow(self) -> Signals:
        modules = self.watched.model.named_modules()
        linear = [(name, one) for name, one in modules if isinstance(one, nn.Linear)]
        if len(linear) < 2:
            return {}
        (name, before), (_, head) = linear[-2:]
        is_narrow = before.out_features == head.in_features == 1 < min(before.in_features, head.out_features)
        return {"one_unit_before_head": name} if is_narrow else {}

    def before_look(self) -> None:
        """Hook the recurrent layers to read the shapes of their inputs."""
        self.remove()
        self._seen = {}
        for name, layer in self.watched.model.named_modules():
            if isinstance(layer, nn.RNNBase):
                self._hooks.append(layer.register_forward_hook(self._reader(name), with_kwargs=True))

    def _reader(self, name: str) -> Any:
        def read(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            self._is_state_given |= len(args) > 1 or kwargs.get("hx") is not None
            if args and isinstance(args[0], Tensor) and args[0].ndim == 3:
                self._seen.setdefault(name, (tuple(args[0].shape), bool(layer.batch_first)))

        return read

    def after_look(self, step: Step) -> Signals:
        """Compare the shapes."""
        self.remove()
        usual = self._last_batches.usual
        fitting = {name: seen for name, seen in self._seen.items() if seen[0][:2] == usual}
        self._layers = fitting or self._layers
        signals: Signals = {}
        loss = loss_with_graph(step, self.watched.loss_fn)
        shapes = _broadcast(step, loss)
        if shapes:
            signals["broadcast_shapes"] = shapes
        signals.update(self._batch_axis(step))
        mixed = None if self._has_attention else _mixing_view(loss) or _flattened_otherwise(step)
        if mixed:
            signals["mixing_view"] = mixed
        return signals

    def _batch_axis(self, step: Step) -> Signals:
        """Return the signals of the first recurrent layer that takes the time axis for the batch."""
        if step.inputs is None or step.outputs is None or step.targets is None or step.inputs.ndim < 2:
            return {}
        inputs, outputs, targets = (tuple(one.shape) for one in (step.inputs, step.outputs, step.targets))
        # Targets by step leave open which of two axes is time, and so does a single sequence.
        if not (outputs and targets) or inputs[0] == inputs[1] or min(inputs[:2]) < 2:
            return {}
        is_by_step = len(targets) > 1 and set(inputs[:2]) <= set(targets[:2])
        axes = [axis for axis in (0, 1) if inputs[axis] == outputs[0] == targets[0]]
        if not axes or is_by_step:
            return {}
        return self._mistaken_axis(axes[0], inputs[:2], self._seen, "targets")

    def _mistaken_axis(
        self,
        batch_axis: int,
        sizes: tuple[int, ...],
        layers: dict[str, tuple[tuple[int, ...], bool]],
        by: str,
    ) -> Signals:
        """Return the signals of the first layer that takes the other axis of inputs of some sizes."""
        for name, (shape, is_batch_first) in layers.items():
            if shape[:2] == sizes and batch_axis == (1 if is_batch_first else 0):
                return {
                    "batch_axis_read": 1 - batch_axis,
                    "batch_axis_layer": name,
                    "batch_axis_shown": by,
                    "input_shape": list(shape),
                }
        return {}

    def remove(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []


def _broadcast(step: Step, loss: Tensor) -> list[list[int]] | None:
    """Return three shapes if outputs and targets were both expanded in a loss per entry."""
    if step.outputs is None or step.targets is None or step.outputs.shape == step.targets.shape:
        return None
    found = loss_node(loss)
    if found is None or found[0] != "difference":
        return None
    try:
        expanded = torch.broadcast_shapes(step.outputs.shape, step.targets.shape)
    except RuntimeError:
        return None
    kind_node = found[1]
    operand = kind_node if name_of(kind_node) == "Sub" else previous(kind_node)
    is_used = operand is not None and shape_of(operand) == tuple(expanded)
    is_larger = expanded.numel() > max(step.outputs.numel(), step.targets.numel())
    if not (is_used and is_larger):
        return None
    return [list(step.outputs.shape), list(step.targets.shape), list(expanded)]


def _mixing_view(loss: Tensor) -> list[list[int]] | None:
    """Return the shapes before and after a reshape that swaps two axes without a transpose.

    (time, batch, units) becomes (batch, time, units), possibly by way of (time * batch, units),
    (layers, batch, units) becomes (batch, layers * units), or (batch, time, classes) becomes (batch, classes,
    time).
    """
    found = loss_node(loss)
    later: tuple[int, ...] | None = None
    for node in chain(found[1] if found else None):
        shape = shape_of(node)
        name = name_of(node)
        if name not in _ORDERED:
            # The result of this operation is still what the reshape reads.
            if later and shape and _is_swapped(shape, later):
                return [list(shape), list(later)]
            later = None
            continue
        if shape and later and _is_swapped(shape, later):
            return [list(shape), list(later)]
        if shape and (len(shape) > 2 or name in _RESHAPES) and not (later and len(shape) == 2):
            later = shape
    return None


def _flattened_otherwise(step: Step) -> list[list[int]] | None:
    """Return the shapes of flattened outputs (time, batch, classes) and of targets (batch, time), or None."""
    if step.outputs is None or step.targets is None or step.outputs.ndim > 2 or step.targets.ndim != 2:
        return None
    if step.outputs.shape[0] != step.targets.numel():
        return None
    for node in chain(step.outputs.grad_fn):
        shape = shape_of(node)
        if shape is not None and len(shape) == 3:
            is_turned = shape[:2] == tuple(step.targets.shape[::-1]) and shape[0] != shape[1]
            return [list(shape), list(step.targets.shape)] if is_turned and min(shape[:2]) > 1 else None
        if name_of(node) not in _ORDERED:
            return None
    return None


def _is_swapped(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Return whether two axes of different sizes changed places: the leading ones, or the last ones."""
    is_last = len(before) == len(after) == 3 and after == (before[0], before[2], before[1])
    if is_last and before[0] > 1 and min(before[1:]) > 1 and before[1] != before[2]:
        return True
    if len(before) != 3 or min(before[:2]) < 2 or before[0] == before[1]:
        return False
    if len(after) == 3:
        return after[:2] == (before[1], before[0])
    return len(after) == 2 and after[0] != after[1] and after == (before[1], before[0] * before[2])
