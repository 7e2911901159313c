"""The pass that is made step by step, against torch's kernel and the equations."""

import pytest
import torch
from torch import nn

from failmap.models.variational import draw_masks, step_by_step

LAYERS = {
    "tanh": lambda both: nn.RNN(3, 4, batch_first=True, bidirectional=both),
    "relu": lambda both: nn.RNN(3, 4, nonlinearity="relu", batch_first=True, bidirectional=both),
    "gru": lambda both: nn.GRU(3, 4, batch_first=True, bidirectional=both),
    "lstm": lambda both: nn.LSTM(3, 4, batch_first=True, bidirectional=both),
}
INPUTS = torch.randn(5, 9, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("both", [False, True], ids=["forward", "both directions"])
@pytest.mark.parametrize("name", LAYERS)
def test_without_masks_it_is_torchs_kernel(name: str, both: bool) -> None:
    layer = LAYERS[name](both)
    torch.testing.assert_close(step_by_step(layer, INPUTS), layer(INPUTS)[0])


@pytest.mark.parametrize("name", LAYERS)
def test_its_gradients_are_the_kernels(name: str) -> None:
    layer = LAYERS[name](True)
    layer(INPUTS)[0].square().sum().backward()
    theirs = [parameter.grad.clone() for parameter in layer.parameters()]
    layer.zero_grad()
    step_by_step(layer, INPUTS).square().sum().backward()
    for parameter, expected in zip(layer.parameters(), theirs, strict=True):
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_padding_is_not_read(name: str) -> None:
    layer = LAYERS[name](True)
    lengths = torch.tensor([9, 1, 5, 3, 8])
    states = step_by_step(layer, INPUTS, lengths)
    for sequence, length, own in zip(INPUTS, lengths, states, strict=True):
        torch.testing.assert_close(own[:length], layer(sequence[None, :length])[0][0])
        assert (own[length:] == 0).all()


@pytest.mark.parametrize("name", LAYERS)
def test_mask_applies_to_the_previous_state(name: str) -> None:
    layer = LAYERS[name](False)
    mask = torch.tensor([0.0, 2.0, 0.0, 2.0])
    masked = step_by_step(layer, INPUTS, masks=mask.expand(1, 5, 4))
    with torch.no_grad():
        layer.get_parameter("weight_hh_l0").mul_(mask)
    torch.testing.assert_close(masked, layer(INPUTS)[0])


def test_masks_keep_the_mean() -> None:
    layer = nn.LSTM(3, 1000, batch_first=True, bidirectional=True)
    masks = draw_masks(layer, INPUTS, 0.2)

    assert masks.shape == (2, 5, 1000)
    assert set(masks.unique().tolist()) == {0.0, 1.25}
    # Hoeffding: a mean of 10,000 values in a range of 1.25 strays further once in 10^9.
    assert masks.mean().item() == pytest.approx(1.0, abs=0.041)
    assert not torch.equal(masks[0, 0], masks[0, 1])
    assert not torch.equal(masks[0], masks[1])
