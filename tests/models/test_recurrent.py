"""The stacks against torch's own modules of several layers, and against the cells' equations."""

import pytest
import torch
from torch import nn

from models import build_model
from models.config import MODEL_CONFIGS
from models.network import Interface
from models.recurrent import RecurrentNetwork, gate_activations

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def network(
    name: str, depth: int = 2, hidden_size: int = 5, *, every_step: bool = False, **settings: object
) -> RecurrentNetwork:
    config = MODEL_CONFIGS[name].model_validate({"depth": depth, "hidden_size": hidden_size, **settings})
    return build_model(config, Interface(3, 2, num_steps=7, layout="step" if every_step else "sequence"))


def copy_into(reference: nn.RNNBase, ours: RecurrentNetwork) -> None:
    for index, layer in enumerate(ours.layers):
        for name, parameter in layer.named_parameters():
            reference.get_parameter(name.replace("_l0", f"_l{index}")).data.copy_(parameter.data)


@pytest.mark.parametrize("name", KINDS)
def test_a_stack_computes_what_torchs_module_of_several_layers_does(name: str) -> None:
    ours = network(name, depth=3)
    reference = KINDS[name](3, 5, 3, batch_first=True)
    copy_into(reference, ours)
    inputs = torch.randn(4, 7, 3)

    assert torch.equal(ours.trace(inputs).layers[-1].states, reference(inputs)[0])
    assert torch.equal(ours(inputs), ours.readout(reference(inputs)[0][:, -1]))


@pytest.mark.parametrize("name", KINDS)
def test_its_gradients_are_those_of_torchs_module(name: str) -> None:
    ours = network(name, depth=2)
    reference = KINDS[name](3, 5, 2, batch_first=True)
    copy_into(reference, ours)
    inputs = torch.randn(4, 7, 3)
    ours.trace(inputs).layers[-1].states.square().sum().backward()
    reference(inputs)[0].square().sum().backward()

    theirs = reference.get_parameter("weight_hh_l1").grad
    assert torch.allclose(ours.layers[1].get_parameter("weight_hh_l0").grad, theirs, rtol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_the_head_reads_every_step_or_the_last(name: str) -> None:
    inputs = torch.randn(4, 7, 3)
    torch.manual_seed(1)
    last = network(name)
    torch.manual_seed(1)
    every = network(name, every_step=True)

    assert last(inputs).shape == (4, 2)
    assert every(inputs).shape == (4, 7, 2)
    assert torch.allclose(every(inputs)[:, -1], last(inputs), atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_outputs_depend_on_no_later_input(name: str) -> None:
    model = network(name, every_step=True)
    inputs = torch.randn(1, 6, 3, requires_grad=True)
    model(inputs)[0, 2].sum().backward()
    assert inputs.grad is not None
    assert (inputs.grad[0, 3:] == 0).all()
    assert (inputs.grad[0, :3] != 0).any(dim=-1).all()


def test_a_deep_wide_stack_is_built_as_asked() -> None:
    model = network("lstm", depth=5, hidden_size=512)
    assert [layer.input_size for layer in model.layers] == [3, 512, 512, 512, 512]
    assert sum(parameter.numel() for parameter in model.parameters()) == (
        4 * 512 * (3 + 512 + 2) + 4 * 4 * 512 * (512 + 512 + 2) + 512 * 2 + 2
    )


def test_dropout_acts_between_layers_in_training_only() -> None:
    model = network("lstm", depth=2, dropout=0.5)
    inputs = torch.randn(4, 7, 3)
    assert not torch.equal(model(inputs), model(inputs))
    model.eval()
    assert torch.equal(model(inputs), model(inputs))

    single = network("lstm", depth=1, dropout=0.5)
    assert torch.equal(single(inputs), single(inputs)), "one layer has nothing between layers"


def test_the_forget_bias_is_the_sum_of_both_biases() -> None:
    for layer in network("lstm", forget_bias=2.5).layers:
        total = layer.get_parameter("bias_ih_l0") + layer.get_parameter("bias_hh_l0")
        assert (total[5:10] == 2.5).all()
        assert (total[:5].abs() <= 2 / 5**0.5).all(), "the other gates keep torch's default"


def test_the_forget_bias_leaves_the_other_weights_as_they_were() -> None:
    torch.manual_seed(3)
    plain = network("lstm")
    torch.manual_seed(3)
    biased = network("lstm", forget_bias=1.0)
    assert torch.equal(
        plain.layers[0].get_parameter("weight_hh_l0"), biased.layers[0].get_parameter("weight_hh_l0")
    )


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
