"""The stacks against torch's own modules of several layers, and against the cells' equations."""

import pytest
import torch
from torch import nn

from failmap.models import build_model
from failmap.models.config import MODEL_CONFIGS
from failmap.models.network import Interface
from failmap.models.recurrent import RecurrentNetwork

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def network(
    name: str, depth: int = 2, hidden_size: int = 5, *, every_step: bool = False, **settings: object
) -> RecurrentNetwork:
    config = MODEL_CONFIGS[name].model_validate({"depth": depth, "hidden_size": hidden_size, **settings})
    return build_model(config, Interface(3, 2, num_steps=7, layout="step" if every_step else "sequence"))


def copy_into(reference: nn.RNNBase, ours: RecurrentNetwork) -> None:
    for index, layer in enumerate(ours.layers):
        for name, parameter in layer.recurrence.named_parameters():
            reference.get_parameter(name.replace("_l0", f"_l{index}")).data.copy_(parameter.data)


@pytest.mark.parametrize("name", KINDS)
def test_stack_matches_torch(name: str) -> None:
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
    assert torch.allclose(ours.layers[1].recurrence.get_parameter("weight_hh_l0").grad, theirs, rtol=1e-5)


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
    assert [layer.recurrence.input_size for layer in model.layers] == [3, 512, 512, 512, 512]
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


@pytest.mark.parametrize("name", KINDS)
def test_initial_weights_match_torch(name: str) -> None:
    torch.manual_seed(5)
    ours = network(name, depth=2)
    torch.manual_seed(5)
    modules = [KINDS[name](3, 5), KINDS[name](5, 5), nn.Linear(5, 2)]
    theirs = [parameter for module in modules for parameter in module.parameters()]

    for one, other in zip(ours.parameters(), theirs, strict=True):
        assert torch.equal(one, other)


def test_each_layer_has_its_own_width() -> None:
    model = network("gru", depth=3, widths="8-4-2")
    assert [layer.states.shape[-1] for layer in model.trace(torch.randn(1, 7, 3)).layers] == [8, 4, 2]


def test_readout_from_all_layers() -> None:
    model = network("lstm", depth=3, widths="8-4-2", readout_from="all")
    trace = model.trace(torch.randn(4, 7, 3))
    side_by_side = torch.cat([layer.states[:, -1] for layer in trace.layers], dim=-1)

    assert side_by_side.shape == (4, 14)
    assert torch.equal(trace.outputs, model.readout(side_by_side))


@pytest.mark.parametrize("name", KINDS)
def test_bidirectional_stack_matches_torch(name: str) -> None:
    ours = network(name, depth=2, bidirectional=True, every_step=True)
    reference = KINDS[name](3, 5, 2, batch_first=True, bidirectional=True)
    copy_into(reference, ours)
    inputs = torch.randn(4, 7, 3)

    assert torch.equal(ours(inputs), ours.readout(reference(inputs)[0]))


@pytest.mark.parametrize("name", ["rnn", "gru"])
def test_single_output_is_read_at_the_end_of_each_direction(name: str) -> None:
    ours = network(name, depth=1, bidirectional=True)
    inputs = torch.randn(4, 7, 3)
    _, ends = ours.layers[0].recurrence(inputs)

    assert torch.allclose(ours(inputs), ours.readout(torch.cat([ends[0], ends[1]], dim=-1)))


def test_decoded_outputs_are_read_at_blank_steps() -> None:
    config = MODEL_CONFIGS["gru"].model_validate({"hidden_size": 5})
    model = build_model(config, Interface(3, 2, num_steps=4, layout="decoded", decoded_steps=(2, 3)))
    inputs = torch.randn(6, 4, 3)
    followed = torch.cat([inputs, torch.zeros(6, 4, 3)], dim=1)
    states, _ = model.layers[0].recurrence(followed)

    assert torch.allclose(model(inputs), model.readout(states[:, 3:]))


def test_a_vector_becomes_a_sequence() -> None:
    config = MODEL_CONFIGS["lstm"].model_validate({})
    model = build_model(config, Interface(3, 2, num_steps=1, layout="decoded", decoded_steps=(6,)))
    outputs = model(torch.randn(4, 1, 3))
    assert outputs.shape == (4, 6, 2)
    assert len(outputs[0].unique(dim=0)) == 6, "the state goes on although the input is blank"


def test_frozen_layers_keep_their_weights() -> None:
    model = network("lstm", depth=2, frozen_layers=2, batch_norm=True)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    model(torch.randn(4, 7, 3)).square().sum().backward()
    optimizer.step()

    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"readout.weight", "readout.bias"}


def test_layers_above_frozen_ones_train() -> None:
    model = network("gru", depth=3, frozen_layers=1)
    assert [all(p.requires_grad for p in layer.parameters()) for layer in model.layers] == [False, True, True]
