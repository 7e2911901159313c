"""A call of a recurrent module in somebody's loop: copied, and run again layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from failmap.models.network import LayerTrace

#: Maximum number of sequences that are copied.
MAX_SEQUENCES = 32
#: Modules that are run again.
KINDS: dict[type[nn.Module], str] = {nn.RNN: "rnn", nn.GRU: "gru", nn.LSTM: "lstm"}


@dataclass
class Call:
    """Copies of what one call of a recurrent module saw, batch first and in single precision at least.

    Attributes:
        layers: Its layers from the bottom up, each a module of its own, with copies of the weights and
            without dropout; zero biases if it has none.
        is_bounded: Whether its states lie between -1 and 1.
        inputs: At most MAX_SEQUENCES evenly spaced sequences.
        rows: Their indices, on the device.
        lengths: Their lengths if the input was packed, on the host.
        initial: Initial states of each layer; None if there are none, or all are zero.
    """

    layers: list[nn.RNNBase]
    is_bounded: bool
    inputs: Float[Tensor, "batch time features"]
    rows: Int64[Tensor, "batch"]
    lengths: Int64[Tensor, "batch"] | None
    initial: list[Any] | None


@torch.no_grad()
def copied_call(module: nn.RNNBase, inputs: Tensor | PackedSequence, state: Any) -> Call:
    """Copy a call's input, initial state and the module's weights.

    Args:
        module: One of KINDS.
        inputs: As the module was given them: padded, packed, or one sequence without a batch.
        state: Initial state as given: None, h, or (h, c).
    """
    padded, lengths = batch_first(module, inputs)
    rows = torch.tensor(spaced(len(padded)), device=padded.device)
    own_lengths = None if lengths is None else lengths[rows.to(lengths.device)].cpu()
    states = [] if state is None else list(state) if isinstance(state, tuple) else [state]
    initial = None
    if any(bool(tensor.any()) for tensor in states):
        initial = _initial_by_layer(module, [s if s.ndim == 3 else s[:, None] for s in states], rows)
    is_bounded = not (isinstance(module, nn.RNN) and module.nonlinearity == "relu")
    layers = [_one_layer(module, index) for index in range(module.num_layers)]
    return Call(layers, is_bounded, single(padded[rows]), rows, own_lengths, initial)


def batch_first(
    module: nn.RNNBase, values: Tensor | PackedSequence
) -> tuple[Float[Tensor, "batch time any"], Int64[Tensor, "batch"] | None]:
    """Return inputs or outputs of a module with the batch first, and their lengths if they are packed."""
    if isinstance(values, PackedSequence):
        return pad_packed_sequence(values, batch_first=True)
    if values.ndim == 2:
        return values[None], None
    return (values if module.batch_first else values.transpose(0, 1)), None


@torch.no_grad()
def traces(call: Call, name: str) -> list[LayerTrace]:
    """Run a call again and return its layers from the bottom up, without a graph."""
    found, below = [], call.inputs
    for index, layer in enumerate(call.layers):
        given: Any = below
        if call.lengths is not None:
            given = pack_padded_sequence(below, call.lengths, batch_first=True, enforce_sorted=False)
        states, _ = layer(given, None if call.initial is None else call.initial[index])
        if isinstance(states, PackedSequence):
            states, _ = pad_packed_sequence(states, batch_first=True, total_length=below.shape[1])
        # `gate_activations` takes h for as wide as the gates, which a projection is not.
        gated: nn.Module = layer if not layer.proj_size else nn.Identity()
        is_bounded = call.is_bounded and not layer.proj_size
        layer_name = f"{name}.l{index}" if len(call.layers) > 1 else name
        found.append(LayerTrace(layer_name, gated, below, states, states, is_bounded=is_bounded))
        below = states
    return found


def spaced(num_rows: int, most: int = MAX_SEQUENCES) -> list[int]:
    """Return at most `most` evenly spaced row numbers."""
    if num_rows <= most:
        return list(range(num_rows))
    return [index * num_rows // most for index in range(most)]


def layer_of_cell(cell: nn.RNNCellBase) -> nn.RNNBase:
    """Return a recurrent module of one layer with copies of a cell's weights; zero biases if it has none."""
    kinds: dict[type[nn.Module], Any] = {
        nn.RNNCell: nn.RNN,
        nn.GRUCell: nn.GRU,
        nn.LSTMCell: nn.LSTM,
    }
    layer: nn.RNNBase = kinds[type(cell)](cell.input_size, cell.hidden_size, batch_first=True, device="meta")
    for name, empty in list(layer.named_parameters()):
        _copy(layer, name, empty, getattr(cell, name.removesuffix("_l0")), cell.weight_hh)
    return layer


def _one_layer(module: nn.RNNBase, index: int) -> nn.RNNBase:
    """Return one layer as a module of its own, with copies of its weights."""
    width = module.proj_size or module.hidden_size
    input_size = module.input_size if index == 0 else width * (2 if module.bidirectional else 1)
    options: dict[str, Any] = {"batch_first": True, "bidirectional": module.bidirectional}
    if isinstance(module, nn.RNN):
        options["nonlinearity"] = module.nonlinearity
    elif isinstance(module, nn.LSTM):
        options["proj_size"] = module.proj_size
    # Parameters on the meta device draw no random numbers.
    kind: Any = type(module)
    layer: nn.RNNBase = kind(input_size, module.hidden_size, device="meta", **options)
    for name, empty in list(layer.named_parameters()):
        given = getattr(module, name.replace("_l0", f"_l{index}"), None)
        _copy(layer, name, empty, given, getattr(module, f"weight_hh_l{index}"))
    return layer


def _copy(layer: nn.RNNBase, name: str, empty: Tensor, given: Tensor | None, like: Tensor) -> None:
    """Set a parameter to a copy of the given one, or to zeros of the same dtype and device as another."""
    if given is None:
        given = torch.zeros(empty.shape, dtype=like.dtype, device=like.device)
    setattr(layer, name, nn.Parameter(single(given), requires_grad=False))


def _initial_by_layer(module: nn.RNNBase, states: Sequence[Tensor], rows: Tensor) -> list[Any]:
    """Return the initial h, or (h, c), of each layer: torch stacks layers and directions in one dimension."""
    num_directions = 2 if module.bidirectional else 1
    parts = [single(state[:, rows]).split(num_directions) for state in states]
    layers = zip(*parts, strict=True)
    return [tuple(layer) if isinstance(module, nn.LSTM) else layer[0] for layer in layers]


def single(tensor: Tensor) -> Tensor:
    """Return a copy, of half precision as float32."""
    is_half = tensor.dtype in (torch.float16, torch.bfloat16)
    return tensor.detach().to(torch.float32 if is_half else tensor.dtype, copy=True).contiguous()
