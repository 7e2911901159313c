"""Layers of somebody's network: states, gates and gradients back in time of recurrent ones, dead units."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from torch.utils.hooks import RemovableHandle

from failmap.datasets.task import Batch
from failmap.models.network import LayerTrace
from failmap.search.trial.probes.common import Signals, shown_steps, steps_back
from failmap.search.trial.probes.states import layer_signals, output_signals
from failmap.search.trial.probes.time import reach
from failmap.watcher.back_in_time import time_signals_of
from failmap.watcher.guard import Guard
from failmap.watcher.observer import Observer, Step, Watched
from failmap.watcher.parts import MAX_PARTS, is_compiled, named_modules
from failmap.watcher.recurrent import (
    KINDS,
    Call,
    batch_first,
    copied_call,
    layer_of_cell,
    single,
    spaced,
    traces,
)

#: Cells, which a loop of the user's calls once a step.
CELLS: dict[type[nn.Module], str] = {nn.RNNCell: "rnn_cell", nn.GRUCell: "gru_cell", nn.LSTMCell: "lstm_cell"}
#: Layers whose mean output is recorded, by the dimension of their units.
PLAIN: dict[type[nn.Module], int] = {nn.Linear: -1, nn.Conv1d: 1, nn.Conv2d: 1, nn.Conv3d: 1}
#: Number of samples from which on a unit that is zero in all of them counts as dead.
MIN_SAMPLES = 32
#: Looks that all measure gradients back in time, which takes most of a look; later every second one does.
_ALL_BACK = 8


@dataclass
class _Seen:
    """What was seen of one recurrent module in the last forward pass."""

    kind: str
    about: Signals
    call: Call | None = None
    arrived: dict[str, Tensor] = field(default_factory=dict)
    cell_layer: nn.RNNBase | None = None
    cell_inputs: list[Tensor] = field(default_factory=list)
    cell_states: list[Tensor] = field(default_factory=list)
    cell_gradients: dict[int, Tensor] = field(default_factory=dict)


class LayerObserver(Observer):
    """Measures layers through hooks on the modules of a model.

    Of torch's recurrent modules, the input, the initial state and the weights are copied in the forward
    pass, for at most 32 sequences, and the layers are run again from these copies one by one after the
    step: a hook sees the states of the top layer only. The gradient that the user's own backward pass brings
    to the outputs is propagated back through this second pass. Of cells, the states and their gradients
    are seen directly, so that a state that was detached between steps shows. Forward passes without
    gradients are not looked at, and of several in one step the last counts.

    A recurrent module that is called several times in one pass has signals of its states in the last call,
    and none back in time, because the connection between calls is the user's. Compiled and scripted models
    are not looked at: hooks would compile them again.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._guard = Guard()
        self._handles: list[RemovableHandle] = []
        self._seen: dict[str, _Seen] = {}
        self._means: dict[str, Tensor] = {}
        self._dead: dict[str, Tensor] = {}
        self._unit_dim = -1
        self._num_looks = 0

    def before_look(self) -> None:
        """Set forward hooks."""
        self.remove()
        if is_compiled(self.watched.model):
            return
        self._handles.append(self.watched.model.register_forward_pre_hook(self._guard(self._at_start)))
        num_plain = 0
        for name, module in named_modules(self.watched.model):
            if type(module) in KINDS:
                hook = self._guard(partial(self._after_recurrent, name))
                self._handles.append(module.register_forward_hook(hook, with_kwargs=True))
            elif type(module) in CELLS:
                hook = self._guard(partial(self._after_cell, name))
                self._handles.append(module.register_forward_hook(hook, with_kwargs=True))
            elif (type(module) in PLAIN or type(module) is nn.ReLU) and num_plain < MAX_PARTS:
                num_plain += 1
                hook = self._guard(partial(self._after_plain, name))
                self._handles.append(module.register_forward_hook(hook))

    def after_look(self, step: Step) -> Signals:
        """Return the signals of all layers that were called; remove all hooks."""
        signals: Signals = {}
        by_layer: Signals = {
            "activation_mean_by_layer": {**self._means},
            "dead_units_by_layer": {**self._dead},
        }
        seen = self._seen
        self._num_looks += 1
        is_traced = self._num_looks <= _ALL_BACK or self._num_looks % 2 == 0
        self.remove()
        self._guard.raise_error()
        # The user may call within autocast, or with gradients switched off.
        device = next(self.watched.model.parameters(), torch.zeros(0)).device.type
        with (
            torch.enable_grad(),
            torch.autocast(device, enabled=False),
            torch.backends.cudnn.flags(enabled=False),
        ):
            for name, one in seen.items():
                for trace, batch in _traces(one, name):
                    rows = torch.arange(len(trace.states), device=trace.states.device)
                    for kind, value in layer_signals(trace, rows, batch).items():
                        by_layer.setdefault(kind, {})[trace.name] = value
                back = self._back_in_time(one, name, step, len(seen)) if is_traced else {}
                for kind, value in back.items():
                    if kind != "state_gradient_by_step":
                        signals.setdefault(kind, value)
                    elif signals.get("state_gradient_steps", []) in ([], _steps(one)):
                        signals.setdefault(kind, {}).update(value)
        if step.outputs is not None and step.outputs.is_floating_point() and step.outputs.numel():
            # A single output per sequence may come without an axis of its own.
            outputs = single(step.outputs if step.outputs.ndim > 1 else step.outputs.reshape(-1, 1))
            signals["outputs"] = output_signals(outputs, Batch(outputs, outputs))
        if seen:
            signals["layers_seen"] = {name: {"kind": one.kind, **one.about} for name, one in seen.items()}
        return signals | {kind: layers for kind, layers in by_layer.items() if layers}

    def remove(self) -> None:
        """Remove every hook, and drop what was seen."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._seen, self._means, self._dead = {}, {}, {}

    def _back_in_time(self, one: _Seen, name: str, step: Step, num_seen: int) -> Signals:
        if one.call is not None:
            if one.about["calls"] > 1:
                return {}
            is_alone = num_seen == 1 and not _mixes_steps(self.watched.model)
            is_by_step = _has_label_at_every_step(step, one.call.inputs.shape[1])
            of_last = is_alone and is_by_step and not one.call.layers[0].bidirectional
            return time_signals_of(one.call, name, one.arrived, of_last_label=of_last)
        num_steps = len(one.cell_states)
        if num_steps < 2 or not one.cell_gradients:
            return {}
        # No gradient arrives at a state that the loss does not depend on.
        norms = [_norm(one.cell_gradients.get(index)) for index in range(num_steps)]
        steps, back = shown_steps(num_steps), steps_back(num_steps)
        return {
            "gradient_norm_by_step": [norms[index] for index in steps],
            "gradient_steps": steps,
            "state_gradient_by_step": {name: [norms[index] for index in back]},
            "state_gradient_steps": back,
            **reach(norms),
        }

    def _at_start(self, module: nn.Module, args: Any) -> None:
        if torch.is_grad_enabled():
            self._seen, self._means, self._dead = {}, {}, {}

    def _after_recurrent(self, name: str, module: nn.RNNBase, args: Any, kwargs: Any, output: Any) -> None:
        if not torch.is_grad_enabled():
            return
        inputs = args[0] if args else kwargs["input"]
        state = args[1] if len(args) > 1 else kwargs.get("hx")
        is_packed = isinstance(inputs, PackedSequence)
        previous = self._seen.get(name)
        about = {
            "input_shape": list(inputs.data.shape),
            "batch_first": module.batch_first,
            "packed": is_packed,
            "hx_given": state is not None,
            "num_layers": module.num_layers,
            "hidden_size": module.hidden_size,
            "bidirectional": module.bidirectional,
            "calls": 1 + (previous.about["calls"] if previous else 0),
        }
        one = _Seen(KINDS[type(module)], about, copied_call(module, inputs, state))
        self._seen[name] = one
        outputs, final = output
        # Not the outputs themselves, which would hold their own hook.
        order = outputs[1:] if is_packed else None
        finals = final if isinstance(final, tuple) else (final,)
        self._catch(outputs.data if is_packed else outputs, partial(_keep_outputs, one, module, order))
        for kind, tensor in zip(("h", "c"), finals, strict=False):
            self._catch(tensor, partial(_keep_final, one, kind))

    def _after_cell(self, name: str, module: nn.RNNCellBase, args: Any, kwargs: Any, output: Any) -> None:
        if not torch.is_grad_enabled():
            return
        inputs = args[0] if args else kwargs["input"]
        state = args[1] if len(args) > 1 else kwargs.get("hx")
        hidden = output[0] if isinstance(output, tuple) else output
        if name not in self._seen:
            about = {
                "input_shape": list(inputs.shape),
                "hx_given": state is not None,
                "hidden_size": module.hidden_size,
                "calls": 0,
            }
            self._seen[name] = _Seen(CELLS[type(module)], about, cell_layer=layer_of_cell(module))
            if isinstance(module, nn.RNNCell):
                self._seen[name].about["nonlinearity"] = module.nonlinearity
        one = self._seen[name]
        rows = slice(None) if hidden.ndim == 1 else spaced(len(hidden))
        one.about["calls"] += 1
        one.cell_inputs.append(single(inputs[rows]))
        one.cell_states.append(single(hidden[rows]))
        self._catch(hidden, partial(_keep_cell, one, len(one.cell_states) - 1))

    def _after_plain(self, name: str, module: nn.Module, args: Any, output: Any) -> None:
        if not torch.is_grad_enabled() or not isinstance(output, Tensor) or not output.numel():
            return
        if type(module) in PLAIN:
            self._unit_dim = PLAIN[type(module)]
            self._means[name] = output.detach().mean(dtype=torch.float32)
        elif output.ndim > 1:
            units = output.detach().movedim(self._unit_dim, -1).flatten(0, -2)
            if len(units) >= MIN_SAMPLES:
                self._dead[name] = (units.amax(dim=0) <= 0).mean(dtype=torch.float32)

    def _catch(self, tensor: Tensor, keep: Any) -> None:
        if tensor.requires_grad:
            self._handles.append(tensor.register_hook(self._guard(keep)))


def _keep_outputs(one: _Seen, module: nn.RNNBase, order: Any, gradient: Tensor) -> None:
    call = one.call
    assert call is not None
    if order is not None:
        packed = PackedSequence(gradient.detach(), *order)
        padded, _ = pad_packed_sequence(packed, batch_first=True)
    else:
        padded, _ = batch_first(module, gradient.detach())
    one.arrived["outputs"] = single(padded[call.rows])


def _keep_final(one: _Seen, kind: str, gradient: Tensor) -> None:
    assert one.call is not None
    stacked = gradient if gradient.ndim == 3 else gradient[:, None]
    one.arrived[kind] = single(stacked[:, one.call.rows])


def _keep_cell(one: _Seen, index: int, gradient: Tensor) -> None:
    one.cell_gradients[index] = gradient.detach().double().norm()


def _traces(one: _Seen, name: str) -> list[tuple[LayerTrace, Batch]]:
    """Return the layers of a module, and what is read of the inputs: steps and lengths."""
    if one.call is not None:
        batch = Batch(one.call.inputs, one.call.inputs, one.call.lengths)
        return [(trace, batch) for trace in traces(one.call, name)]
    if one.cell_layer is None or len({tensor.shape for tensor in one.cell_states}) != 1:
        return []
    inputs, states = (
        torch.stack(list(map(_batched, all_of))) for all_of in (one.cell_inputs, one.cell_states)
    )
    inputs, states = inputs.transpose(0, 1), states.transpose(0, 1)
    is_bounded = one.about.get("nonlinearity") != "relu"
    trace = LayerTrace(name, one.cell_layer, inputs, states, states, is_bounded=is_bounded)
    return [(trace, Batch(inputs, inputs))]


def _batched(tensor: Tensor) -> Tensor:
    return tensor if tensor.ndim > 1 else tensor[None]


def _steps(one: _Seen) -> list[int]:
    """Return the time steps at which gradients to a module's states are reported."""
    return steps_back(len(one.cell_states) if one.call is None else one.call.inputs.shape[1])


def _norm(gradient: Tensor | None) -> float:
    return 0.0 if gradient is None else gradient.item()


def _mixes_steps(model: nn.Module) -> bool:
    """Return whether other layers than recurrent ones may connect time steps."""
    return any(isinstance(m, nn.MultiheadAttention | nn.Conv1d | nn.Conv2d) for m in model.modules())


def _has_label_at_every_step(step: Step, num_steps: int) -> bool:
    """Return whether outputs and targets have a dimension of time behind or before that of the batch."""
    if step.outputs is None or step.targets is None or step.outputs.ndim < 3 or step.targets.ndim < 2:
        return False
    return num_steps in step.outputs.shape[:2] and num_steps in step.targets.shape[:2]
