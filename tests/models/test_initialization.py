"""Each initialization against its formula."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from failmap.models import build_model
from failmap.models.config import MODEL_CONFIGS
from failmap.models.gates import block_of
from failmap.models.network import Interface
from failmap.models.recurrent import RecurrentNetwork

NUM_BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4}
INPUTS, UNITS = 40, 60


def network(name: str, num_steps: int = 100, **settings: Any) -> RecurrentNetwork:
    torch.manual_seed(7)
    config = MODEL_CONFIGS[name].model_validate({"hidden_size": UNITS, **settings})
    return build_model(config, Interface(INPUTS, 20, num_steps))


def recurrence(model: RecurrentNetwork, index: int = 0) -> nn.RNNBase:
    return model.layers[index].recurrence


def matrices(name: str, which: str, **settings: Any) -> list[Tensor]:
    """One matrix for each gate of the lowest layer."""
    layer = recurrence(network(name, **settings))
    return list(layer.get_parameter(f"weight_{which}_l0").detach().chunk(NUM_BLOCKS[name]))


def bias(layer: nn.RNNBase, gate: str, direction: str = "_l0") -> Tensor:
    """The sum of a gate's two biases."""
    total = layer.get_parameter(f"bias_ih{direction}") + layer.get_parameter(f"bias_hh{direction}")
    return total[block_of(layer, gate)].detach()


def is_uniform_within(values: Tensor, half_width: float) -> bool:
    """No value is outside, some are near the end, and the variance of 2,400 or more is off by 15 % at most.

    Var(x^2) of a uniform x is 4/45 a^4 against a mean of a^2/3: 15 % are 8 standard errors at 2,400 values.
    """
    inside = values.abs().max() <= half_width and values.abs().max() > 0.98 * half_width
    return bool(inside) and values.var().item() == pytest.approx(half_width**2 / 3, rel=0.15)


@pytest.mark.parametrize("name", NUM_BLOCKS)
def test_glorot_is_applied_per_gate(name: str) -> None:
    for matrix in matrices(name, "ih", initialization="glorot"):
        assert is_uniform_within(matrix, math.sqrt(6 / (INPUTS + UNITS)))
    for matrix in matrices(name, "hh", initialization="glorot"):
        assert is_uniform_within(matrix, math.sqrt(6 / (UNITS + UNITS)))


@pytest.mark.parametrize("name", NUM_BLOCKS)
def test_he_is_normal_and_goes_by_the_inputs(name: str) -> None:
    for which, fan_in in (("ih", INPUTS), ("hh", UNITS)):
        for matrix in matrices(name, which, initialization="he"):
            # The standard deviation of 2,400 normal values is off by 10 % once in 10^11.
            assert matrix.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.1)
            assert (matrix.abs() > 2 * math.sqrt(2 / fan_in)).double().mean().item() == pytest.approx(
                0.0455, abs=0.03
            )


@pytest.mark.parametrize("name", NUM_BLOCKS)
def test_orthogonal_is_applied_per_gate(name: str) -> None:
    for matrix in matrices(name, "hh", initialization="orthogonal"):
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(UNITS), atol=1e-5, rtol=0)
    for matrix in matrices(name, "ih", initialization="orthogonal"):
        assert is_uniform_within(matrix, math.sqrt(6 / (INPUTS + UNITS)))


def test_identity_relu_network_adds_up() -> None:
    model = network("rnn", initialization="identity", nonlinearity="relu")
    layer = recurrence(model)
    assert torch.equal(layer.weight_hh_l0.detach(), torch.eye(UNITS))

    inputs = torch.zeros(1, 50, INPUTS)
    inputs[0, 0] = 1.0
    states = model.trace(inputs).layers[0].states[0]
    assert torch.equal(states[0], states[-1]), "what came in first is kept for ever"


@pytest.mark.parametrize("initialization", ["glorot", "he", "orthogonal", "identity"])
@pytest.mark.parametrize("name", NUM_BLOCKS)
def test_biases_are_zero_and_both_directions_are_drawn(name: str, initialization: str) -> None:
    model = network(name, initialization=initialization, depth=2, bidirectional=True)
    biases = [parameter for path, parameter in model.named_parameters() if "bias" in path]
    assert len(biases) == 2 * 2 * 2 + 1
    assert all((parameter == 0).all() for parameter in biases)
    layer = recurrence(model, 1)
    assert not torch.equal(layer.weight_ih_l0, layer.weight_ih_l0_reverse)


def test_the_readout_begins_as_input_weights_do() -> None:
    readout = network("gru", initialization="orthogonal").readout
    assert readout.weight.abs().max() <= math.sqrt(6 / (UNITS + 20))
    assert readout.weight.abs().max() > 1 / math.sqrt(UNITS), "torch's own would stay below this"


@pytest.mark.parametrize("name", NUM_BLOCKS)
def test_uniform_is_for_every_weight_and_bias(name: str) -> None:
    model = network(name, initialization="uniform", uniform_range=0.3)
    for parameter in model.parameters():
        assert parameter.abs().max() <= 0.3
    assert is_uniform_within(recurrence(model).weight_hh_l0.detach(), 0.3)
    assert recurrence(model).bias_ih_l0.abs().max() > 0.2


@pytest.mark.parametrize("initialization", ["torch", "glorot", "uniform"])
def test_the_forget_bias_is_the_sum_of_both_biases(initialization: str) -> None:
    model = network("lstm", depth=2, bidirectional=True, forget_bias=2.5, initialization=initialization)
    for index in range(2):
        for direction in ("_l0", "_l0_reverse"):
            assert (bias(recurrence(model, index), "forget", direction) == 2.5).all()


def test_forget_bias_changes_nothing_else() -> None:
    plain, biased = network("lstm"), network("lstm", forget_bias=1.0)
    for name, parameter in plain.named_parameters():
        same = parameter == biased.get_parameter(name)
        if "bias" in name and "recurrence" in name:
            same = same.view(4, UNITS)[[0, 2, 3]]
        assert same.all(), name


def test_chrono_biases_of_an_lstm() -> None:
    model = network("lstm", num_steps=1000, hidden_size=4000, depth=1, chrono=True)
    memories = bias(recurrence(model), "forget").exp()
    assert memories.min() >= 1
    assert memories.max() <= 999 * (1 + 1e-5)
    # The mean of 4,000 uniform values: 4 % of the middle are 4.4 standard errors; the seed is fixed.
    assert memories.mean().item() == pytest.approx(500, rel=0.04)
    assert memories.var().item() == pytest.approx(998**2 / 12, rel=0.1)
    assert torch.equal(bias(recurrence(model), "input"), -bias(recurrence(model), "forget"))


def test_chrono_biases_of_a_gru() -> None:
    model = network("gru", num_steps=1000, hidden_size=4000, chrono=True)
    memories = bias(recurrence(model), "update").exp()
    assert memories.mean().item() == pytest.approx(500, rel=0.04)
    assert bias(recurrence(model), "reset").abs().max() <= 2 / math.sqrt(4000), "torch's default"

    with torch.no_grad():
        recurrence(model).weight_hh_l0.zero_()
        recurrence(model).weight_ih_l0.zero_()
        recurrence(model).bias_ih_l0[8000:] = 0.0
        recurrence(model).bias_hh_l0[8000:] = 0.0
        states, _ = recurrence(model)(torch.zeros(1, 1, INPUTS), torch.ones(1, 1, 4000))
    expected = memories / (1 + memories)
    torch.testing.assert_close(
        states[0, 0], expected, msg="a unit forgets within as many steps as its memory"
    )


@pytest.mark.parametrize("name", ["gru", "lstm"])
@pytest.mark.parametrize("num_steps", [1, 2])
def test_chrono_biases_of_one_step_are_zero(name: str, num_steps: int) -> None:
    layer = recurrence(network(name, num_steps=num_steps, chrono=True))
    assert (bias(layer, "forget" if name == "lstm" else "update") == 0).all()


def test_chrono_biases_count_decoded_steps() -> None:
    torch.manual_seed(0)
    config = MODEL_CONFIGS["lstm"].model_validate({"hidden_size": 500, "chrono": True})
    model = build_model(config, Interface(3, 1, num_steps=1, layout="decoded", decoded_steps=(200,)))
    assert 190 < bias(recurrence(model), "forget").exp().max() <= 199 * (1 + 1e-5)


@pytest.mark.parametrize("initialization", ["glorot", "he", "orthogonal", "uniform"])
def test_weights_depend_on_the_seed(initialization: str) -> None:
    one, other = (network("lstm", initialization=initialization, chrono=True) for _ in range(2))
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
