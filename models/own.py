"""The user's own network behind the interface of ours; hooks on torch's modules show its layers."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from failmap.models.config import OwnModelConfig
from failmap.models.network import Inputs, Interface, LayerTrace, Lengths, Network, Teacher, Trace
from failmap.models.own_recurrence import CELLS, RECURRENCES, layer_views, run_layers
from failmap.run_folder.own_import import load_own

#: What forward may call the lengths of padded sequences.
LENGTHS = "lengths"


class OwnNetwork(Network):
    """An own module that is called as `Net(input_size, output_size, **args)`.

    Its forward takes inputs (batch, time, features), and `lengths` if it has an argument of that name. It
    returns outputs (batch, outputs), or (batch, time, outputs), of which the last step counts where there is
    one label a sequence.

    Args:
        config: The class and its arguments.
        interface: Inputs and outputs.

    Attributes:
        net: The user's module.

    Raises:
        UserError: The file or the class is missing, or the file cannot be imported.
    """

    def __init__(self, config: OwnModelConfig, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        build: Callable[..., nn.Module] = load_own(config.name)  # type: ignore[assignment]
        self.net = build(interface.input_size, interface.output_size, **config.args)
        self.takes_lengths = takes_lengths(self.net)

    def forward(self, inputs: Inputs, lengths: Lengths = None, teacher: Teacher | None = None) -> Tensor:
        """Return the outputs of one pass, without hooks."""
        return outputs_for(self.interface, self._call(inputs, lengths), lengths)

    def trace(self, inputs: Inputs, lengths: Lengths = None, teacher: Teacher | None = None) -> Trace:
        """Run one pass with hooks on all recurrent layers; a stack of torch's is run layer by layer."""
        with _watched(self.net) as calls:
            outputs = outputs_for(self.interface, self._call(inputs, lengths), lengths)
        layers = [layer for call in calls for layer in call.layers(inputs)]
        return Trace(outputs, layers)

    def parts(self) -> dict[str, nn.Module]:
        """Return the children of the user's module by name, with each of its recurrent layers apart."""
        found: dict[str, nn.Module] = {}
        seen: set[int] = set()
        for name, child in self.net.named_children():
            for inner, module in child.named_modules(prefix=name):
                if isinstance(module, RECURRENCES):
                    for index, view in enumerate(layer_views(module)):
                        _add(found, seen, _layer_name(inner, module, index), view)
                elif isinstance(module, CELLS):
                    _add(found, seen, inner, module)
            _add(found, seen, name, child)
        _add(found, seen, "net", self.net)
        return found

    def state_entries(self, num_steps: int) -> int:
        """Return about how many numbers the layers of known kinds keep, and the inputs."""
        entries = num_steps * self.interface.input_size
        for module in self.net.modules():
            match module:
                case nn.RNN() | nn.GRU() | nn.LSTM():
                    entries += num_steps * module.hidden_size * module.num_layers * (1 + module.bidirectional)
                case nn.RNNCell() | nn.GRUCell() | nn.LSTMCell():
                    entries += num_steps * module.hidden_size
                case nn.Linear():
                    entries += num_steps * module.out_features
                case nn.Conv1d() | nn.Conv2d():
                    entries += num_steps * module.out_channels
                case nn.MultiheadAttention():
                    entries += num_steps * (module.embed_dim + num_steps * module.num_heads)
        return entries

    def _call(self, inputs: Inputs, lengths: Lengths) -> Tensor:
        outputs: Tensor = self.net(inputs, **({LENGTHS: lengths} if self.takes_lengths else {}))
        return outputs


def takes_lengths(net: nn.Module) -> bool:
    """Return whether a module's forward has an argument for the lengths of padded sequences."""
    return LENGTHS in inspect.signature(net.forward).parameters


def outputs_for(interface: Interface, outputs: Tensor, lengths: Lengths) -> Tensor:
    """Return outputs at the labels: of the last step of each sequence, where every step has one."""
    if interface.layout != "sequence" or outputs.ndim != 3:
        return outputs
    return outputs[:, -1] if lengths is None else outputs[torch.arange(len(outputs)), lengths - 1]


def _add(parts: dict[str, nn.Module], seen: set[int], name: str, module: nn.Module) -> None:
    """Add a part for the parameters of a module that no other part has."""
    everything = list(module.parameters())
    unseen = [parameter for parameter in everything if id(parameter) not in seen]
    if unseen:
        parts[name] = module if len(unseen) == len(everything) else nn.ParameterList(unseen)
        seen.update(map(id, unseen))


def _layer_name(name: str, module: nn.Module, index: int) -> str:
    return f"{name}.{index}" if isinstance(module, nn.RNNBase) and module.num_layers > 1 else name


@dataclass
class _Call:
    """The calls of one recurrent module in a pass.

    Attributes:
        name: Of the module in the user's.
        module: One of torch's recurrent modules or cells.
        traced: The layers of the last call of a recurrent module.
        steps: Inputs and states of each call of a cell.
    """

    name: str
    module: nn.Module
    traced: list[LayerTrace] = field(default_factory=list)
    steps: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def layers(self, inputs: Inputs) -> list[LayerTrace]:
        """Return the traces; those of a cell only if it was called once for each step of the inputs."""
        if not self.steps:
            return [traced for traced in self.traced if len(traced.states) == len(inputs)]
        batch, num_steps = inputs.shape[:2]
        if len(self.steps) != num_steps or any(state.shape[:1] != (batch,) for _, state in self.steps):
            return []
        # Beside the graph of the outputs: a gradient with respect to these would be zero.
        below, states = (torch.stack(parts, dim=1).detach() for parts in zip(*self.steps, strict=True))
        return [LayerTrace(self.name, self.module, below, states, states)]

    def after(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        """Record a call; one of a recurrent module is replaced by calls of its layers, with equal results."""
        if isinstance(module, CELLS):
            state = result[0] if isinstance(result, tuple) else result
            self.steps.append((args[0] if args else kwargs["input"], state))
            return None
        assert isinstance(module, nn.RNNBase)
        given = inspect.signature(nn.LSTM.forward).bind(module, *args, **kwargs).arguments
        inputs, initial = given["input"], given.get("hx")
        if isinstance(inputs, PackedSequence):
            self.traced = self._packed(module, inputs, result)
            return None
        if inputs.ndim != 3:
            return None
        inputs = inputs if module.batch_first else inputs.transpose(0, 1)
        passes, replaced = run_layers(module, inputs, initial)
        self.traced = [
            LayerTrace(
                _layer_name(self.name, module, index),
                # Gates are computed from the states, of which the first is not in the trace.
                passed.view if initial is None and _has_gates(module) else nn.Sequential(passed.view),
                passed.inputs,
                passed.states,
                passed.states,
                is_bounded=_is_bounded(module),
            )
            for index, passed in enumerate(passes)
        ]
        return replaced

    def _packed(self, module: nn.RNNBase, inputs: PackedSequence, result: Any) -> list[LayerTrace]:
        """Return the trace of the top layer of packed sequences, detached: they leave it packed."""
        states, _ = pad_packed_sequence(result[0], batch_first=True)
        top = layer_views(module)[-1]
        shown = states
        if module.num_layers == 1:
            shown, _ = pad_packed_sequence(inputs, batch_first=True)
        layer = top if module.num_layers == 1 and _has_gates(module) else nn.Sequential(top)
        name = _layer_name(self.name, module, module.num_layers - 1)
        states = states.detach()
        return [LayerTrace(name, layer, shown.detach(), states, states, is_bounded=_is_bounded(module))]


def _has_gates(module: nn.RNNBase) -> bool:
    """Return whether gates can be computed from inputs and states (see `models.gates`)."""
    return module.bias and not module.proj_size


def _is_bounded(module: nn.RNNBase) -> bool:
    return module.mode != "RNN_RELU" and not module.proj_size


@contextmanager
def _watched(net: nn.Module) -> Iterator[list[_Call]]:
    """Record the calls of all recurrent modules within the block."""
    calls: list[_Call] = []
    with ExitStack() as hooks:
        for name, module in net.named_modules():
            if isinstance(module, (*RECURRENCES, *CELLS)):
                call = _Call(name or "net", module)
                calls.append(call)
                hooks.callback(module.register_forward_hook(call.after, with_kwargs=True).remove)
        yield calls
