"""Gates against the cells' equations."""

import pytest
import torch
from torch import nn

from failmap.models.gates import block_of, gate_activations


def test_lstm_gates_reproduce_the_states_step_by_step() -> None:
    layer = nn.LSTM(3, 4, batch_first=True)
    inputs = torch.randn(2, 9, 3)
    states = layer(inputs)[0].detach()
    gates = gate_activations(layer, inputs, states)
    previous = torch.cat([torch.zeros(2, 1, 4), states[:, :-1]], dim=1)
    candidate = torch.tanh(
        inputs @ layer.weight_ih_l0[8:12].T
        + layer.bias_ih_l0[8:12]
        + previous @ layer.weight_hh_l0[8:12].T
        + layer.bias_hh_l0[8:12]
    )
    cell = torch.zeros(2, 4)
    for step in range(9):
        cell = gates["forget"][:, step] * cell + gates["input"][:, step] * candidate[:, step]
        assert torch.allclose(gates["output"][:, step] * torch.tanh(cell), states[:, step], atol=1e-6)


def test_gru_gates_reproduce_the_states_step_by_step() -> None:
    layer = nn.GRU(3, 4, batch_first=True)
    inputs = torch.randn(2, 9, 3)
    states = layer(inputs)[0].detach()
    gates = gate_activations(layer, inputs, states)
    previous = torch.zeros(2, 4)
    for step in range(9):
        candidate = torch.tanh(
            inputs[:, step] @ layer.weight_ih_l0[8:].T
            + layer.bias_ih_l0[8:]
            + gates["reset"][:, step] * (previous @ layer.weight_hh_l0[8:].T + layer.bias_hh_l0[8:])
        )
        update = gates["update"][:, step]
        previous = (1 - update) * candidate + update * previous
        assert torch.allclose(previous, states[:, step], atol=1e-6)


def test_a_plain_rnn_has_no_gates() -> None:
    layer = nn.RNN(3, 4, batch_first=True)
    assert gate_activations(layer, torch.randn(2, 5, 3), torch.randn(2, 5, 4)) == {}


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_bidirectional_gates_are_concatenated(
    kind: type[nn.RNNBase],
) -> None:
    layer = kind(3, 4, batch_first=True, bidirectional=True)
    inputs = torch.randn(2, 9, 3)
    states = layer(inputs)[0].detach()
    forward, backward = (kind(3, 4, batch_first=True) for _ in range(2))
    for name, parameter in forward.named_parameters():
        parameter.data.copy_(layer.get_parameter(name).data)
        backward.get_parameter(name).data.copy_(layer.get_parameter(f"{name}_reverse").data)

    gates = gate_activations(layer, inputs, states)
    alone = gate_activations(forward, inputs, states[..., :4])
    turned = gate_activations(backward, inputs.flip(1), states[..., 4:].flip(1))
    assert gates.keys() == alone.keys()
    for name, values in gates.items():
        assert torch.allclose(values[..., :4], alone[name])
        assert torch.allclose(values[..., 4:], turned[name].flip(1))


def test_a_module_that_is_not_recurrent_has_no_gates() -> None:
    assert gate_activations(nn.Linear(3, 4), torch.randn(2, 5, 3), torch.randn(2, 5, 4)) == {}


def test_rows_of_a_gate_are_in_torchs_order() -> None:
    assert block_of(nn.LSTM(3, 4), "forget") == slice(4, 8)
    assert block_of(nn.LSTM(3, 4), "output") == slice(12, 16)
    assert block_of(nn.GRU(3, 4), "update") == slice(4, 8)
