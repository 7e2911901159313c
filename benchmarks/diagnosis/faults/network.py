"""Bugs in a network: in its initialization, and between its modules.

They are planted by hooks and by changing weights, so that modules and parameters keep their names.
"""

from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from failmap.models.gates import block_of
from failmap.models.layers import LayerPass, RecurrentLayer
from failmap.models.network import Network
from failmap.search.trial.session import TrialSession

OutputFunction = Literal["sigmoid", "tanh", "relu", "softmax"]


def recurrences(model: Network) -> list[nn.RNNBase]:
    """Return its recurrent torch modules, from the first layer to the last."""
    return [module for module in model.modules() if isinstance(module, nn.RNNBase)]


def readouts(model: Network) -> list[nn.Module]:
    """Return its readouts: one, or one for each decoder."""
    *_, last = model.parts().values()
    return list(last) if isinstance(last, nn.ModuleList) else [last]


def detach_readout(session: TrialSession) -> None:
    """Detach the readout's inputs (`.detach()`, `.data`): nothing below it has a gradient."""
    for readout in readouts(session.training.model):
        readout.register_forward_pre_hook(lambda _, inputs: (inputs[0].detach(),))


def recur_over_batch(session: TrialSession) -> None:
    """Swap batch and time in the layers, as if `batch_first` was forgotten."""

    def swap(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (inputs[0].transpose(0, 1), *inputs[1:])

    def swap_back(_: nn.Module, __: Any, passed: LayerPass) -> LayerPass:
        return LayerPass(*(values.transpose(0, 1) for values in passed))

    for layer in _layers(session.training.model):
        layer.register_forward_pre_hook(swap)
        layer.register_forward_hook(swap_back)


def average_over_batch(session: TrialSession) -> None:
    """Average the readout's inputs over the batch, `mean(0)` instead of `mean(1)`."""
    for readout in readouts(session.training.model):
        readout.register_forward_pre_hook(partial(_averaged, 0))


def average_over_time(session: TrialSession) -> None:
    """Average the readout's inputs over all steps, including future ones."""
    assert session.config.task.target_layout == "step", "one label of a sequence has no future"
    for readout in readouts(session.training.model):
        readout.register_forward_pre_hook(partial(_averaged, 1))


def read_in_reverse(session: TrialSession) -> None:
    """Reverse the readout's inputs in time, as if sequences were reversed once too often."""
    assert session.config.task.target_layout == "step", "one label of a sequence has no future"
    for readout in readouts(session.training.model):
        readout.register_forward_pre_hook(lambda _, inputs: (inputs[0].flip(1),))


def activate_outputs(session: TrialSession, function: OutputFunction) -> None:
    """Apply an activation to the outputs although the loss, or the head, has its own."""
    for readout in readouts(session.training.model):
        readout.register_forward_hook(lambda _, __, outputs: _activated(outputs, function))


@torch.no_grad()
def enlarge_weights(session: TrialSession, factor: float) -> None:
    """Multiply all initial weights of the recurrent layers."""
    for recurrence in recurrences(session.training.model):
        for name, parameter in recurrence.named_parameters():
            if "weight" in name:
                parameter.mul_(factor)


@torch.no_grad()
def scale_recurrent_weights(session: TrialSession, factor: float) -> None:
    """Multiply the initial recurrent weights."""
    for recurrence in recurrences(session.training.model):
        for name, parameter in recurrence.named_parameters():
            if "weight_hh" in name:
                parameter.mul_(factor)


@torch.no_grad()
def shut_gates(session: TrialSession, bias: float) -> None:
    """Close the input and output gates of an LSTM by an initial bias of the wrong sign and size."""
    for recurrence in recurrences(session.training.model):
        assert isinstance(recurrence, nn.LSTM), "only an LSTM has these gates"
        for gate in ("input", "output"):
            recurrence.get_parameter("bias_ih_l0")[block_of(recurrence, gate)] = bias


@torch.no_grad()
def sink_biases(session: TrialSession, bias: float) -> None:
    """Give ReLU units an initial bias far below zero, so that few or none are ever active."""
    for recurrence in recurrences(session.training.model):
        assert recurrence.mode == "RNN_RELU", "only rectified units die"
        recurrence.get_parameter("bias_ih_l0").fill_(bias)


def _layers(model: Network) -> list[RecurrentLayer]:
    return [module for module in model.modules() if isinstance(module, RecurrentLayer)]


def _averaged(dim: int, _: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
    (states,) = inputs
    return (states.mean(dim, keepdim=True).expand_as(states),)


def _activated(outputs: Tensor, function: OutputFunction) -> Tensor:
    match function:
        case "sigmoid":
            return torch.sigmoid(outputs)
        case "tanh":
            return torch.tanh(outputs)
        case "relu":
            return torch.relu(outputs)
        case "softmax":
            return outputs.softmax(dim=-1)
