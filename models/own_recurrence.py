"""The layers of torch's recurrent modules, one by one: a module of several layers shows only its top."""

import warnings
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

RECURRENCES = (nn.RNN, nn.GRU, nn.LSTM)
CELLS = (nn.RNNCell, nn.GRUCell, nn.LSTMCell)


class OneLayer(NamedTuple):
    """One layer's pass.

    Attributes:
        view: A module of this layer alone, which shares its parameters.
        inputs: What it was given.
        states: Its states, both directions side by side.
    """

    view: nn.RNNBase
    inputs: Float[Tensor, "batch time below"]
    states: Float[Tensor, "batch time hidden"]


def layer_views(module: nn.RNNBase) -> list[nn.RNNBase]:
    """Return a module of one layer, batch first, for each layer of a module, with the same parameters."""
    directions = 1 + module.bidirectional
    width = module.proj_size or module.hidden_size
    views: list[nn.RNNBase] = []
    for index in range(module.num_layers):
        options: dict[str, Any] = {"bias": module.bias, "bidirectional": module.bidirectional}
        if isinstance(module, nn.LSTM):
            options["proj_size"] = module.proj_size
        if isinstance(module, nn.RNN):
            options["nonlinearity"] = module.nonlinearity
        below = width * directions if index else module.input_size
        kind = next(kind for kind in RECURRENCES if isinstance(module, kind))
        # Nothing is drawn on this device.
        view: nn.RNNBase = kind(below, module.hidden_size, batch_first=True, device="meta", **options)
        for name in [name for name, _ in view.named_parameters()]:
            setattr(view, name, getattr(module, name.replace("_l0", f"_l{index}")))
        views.append(view.train(module.training))
    return views


def run_layers(
    module: nn.RNNBase, inputs: Float[Tensor, "batch time below"], initial: Any = None
) -> tuple[list[OneLayer], tuple[Tensor, Any]]:
    """Run a module layer by layer, with dropout between them as it has it.

    Args:
        module: One of torch's recurrent modules.
        inputs: Batch first, whatever the module expects.
        initial: Initial states, as the module takes them.

    Returns:
        Each layer's pass, and what the module would have returned. Its last states are taken from the
        states, so that gradients go through them whichever of the two is used.
    """
    directions = 1 + module.bidirectional
    passes: list[OneLayer] = []
    last_states, last_cells = [], []
    below = inputs
    for index, view in enumerate(layer_views(module)):
        if index and module.dropout:
            below = functional.dropout(below, module.dropout, module.training)
        own = slice(index * directions, (index + 1) * directions)
        first = tuple(part[own] for part in initial) if isinstance(initial, tuple) else initial
        first = initial[own] if isinstance(initial, Tensor) else first
        with warnings.catch_warnings():
            # On a GPU the parameters of one layer may be no block of memory of their own.
            warnings.filterwarnings("ignore", message="RNN module weights are not part")
            states, last = view(below, first)
        passes.append(OneLayer(view, below, states))
        parts = states.chunk(directions, dim=-1)
        last_states.append(torch.stack([part[:, 0 if reverse else -1] for reverse, part in enumerate(parts)]))
        if isinstance(last, tuple):
            last_cells.append(last[1])
        below = states
    hidden = torch.cat(last_states)
    outputs = below if module.batch_first else below.transpose(0, 1)
    return passes, (outputs, (hidden, torch.cat(last_cells)) if last_cells else hidden)
