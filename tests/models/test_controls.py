"""The networks without recurrence: what they see, and what they cannot."""

import pytest
import torch
from pydantic import ValidationError

from failmap.models import build_model
from failmap.models.config import MODEL_CONFIGS
from failmap.models.controls import positions
from failmap.models.network import Interface, Network


def network(name: str, interface: Interface, **settings: object) -> Network:
    config = MODEL_CONFIGS[name].model_validate({"hidden_size": 8, **settings})
    return build_model(config, interface)


def steps_seen(model: Network, num_steps: int) -> list[int]:
    """The steps that the first output depends on."""
    inputs = torch.randn(1, num_steps, 3, requires_grad=True)
    model(inputs).flatten(1)[0, 0].backward()
    assert inputs.grad is not None
    return [step for step in range(num_steps) if bool((inputs.grad[0, step] != 0).any())]


def test_mlp_pads_short_sequences() -> None:
    model = network("mlp", Interface(3, 1, num_steps=7), depth=2)
    assert steps_seen(model, 7) == list(range(7))
    short = torch.randn(2, 4, 3)
    padded = torch.cat([short, torch.zeros(2, 3, 3)], dim=1)
    assert torch.equal(model(short), model(padded))


def test_the_mlp_computes_plain_layers() -> None:
    model = network("mlp", Interface(3, 2, num_steps=4), depth=2)
    inputs = torch.randn(5, 4, 3)
    hidden = inputs.reshape(5, 12)
    for layer in model.layers:
        hidden = torch.relu(hidden @ layer.weight.T + layer.bias)
    assert torch.allclose(model(inputs), hidden @ model.readout.weight.T + model.readout.bias)


@pytest.mark.parametrize(("depth", "reach"), [(1, 3), (2, 7), (3, 15), (4, 31)])
def test_convolution_reach(depth: int, reach: int) -> None:
    model = network("convolution", Interface(3, 1, num_steps=40), depth=depth, kernel_size=3)
    torch.nn.init.constant_(model.layers[0].convolution.bias, 5.0)  # no ReLU is shut
    seen = steps_seen(model, 40)
    assert min(seen) >= 40 - reach
    assert max(seen) == 39


def test_attention_sees_every_step_at_once() -> None:
    assert steps_seen(network("attention", Interface(3, 1, num_steps=50)), 50) == list(range(50))


def test_attention_tells_the_order_of_its_steps() -> None:
    model = network("attention", Interface(3, 1, num_steps=5)).eval()
    inputs = torch.randn(1, 5, 3)
    swapped = inputs[:, [1, 0, 2, 3, 4]]
    assert not torch.allclose(model(inputs), model(swapped))


@pytest.mark.parametrize("size", [1, 7, 8])
def test_positions_are_those_of_the_paper(size: int) -> None:
    waves = positions(6, size)
    assert waves.shape == (6, size)
    assert waves[3, 0].item() == pytest.approx(torch.sin(torch.tensor(3.0)).item())
    if size > 3:
        angle = 3 / 10_000 ** (2 / size)
        assert waves[3, 3].item() == pytest.approx(torch.cos(torch.tensor(angle)).item(), abs=1e-6)


@pytest.mark.parametrize("name", ["mlp", "convolution", "attention"])
def test_number_of_decoded_outputs(name: str) -> None:
    model = network(name, Interface(3, 2, num_steps=7, layout="decoded", decoded_steps=(4, 5)))
    assert model(torch.randn(6, 7, 3)).shape == (6, 9, 2)


def test_heads_must_share_the_width() -> None:
    with pytest.raises(ValidationError, match=r"model\.hidden_size=10 is no multiple of model\.heads=4"):
        MODEL_CONFIGS["attention"].model_validate({"hidden_size": 10})
