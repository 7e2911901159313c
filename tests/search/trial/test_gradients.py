"""Clipping and the L2 penalty."""

import pytest
import torch
from torch import Tensor, nn

from failmap.search.trial.optimizers import add_l2_penalty, clip
from failmap.search.trial.train_config import TrainConfig


def with_gradients(*gradients: list[float]) -> list[nn.Parameter]:
    parameters = [nn.Parameter(torch.full((len(gradient),), 2.0)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return parameters


def clipped(**settings: float) -> list[Tensor | None]:
    parameters = with_gradients([30.0, -4.0], [0.1])
    clip(TrainConfig.model_validate(settings), parameters)
    return [parameter.grad for parameter in parameters]


def test_default_is_no_clipping() -> None:
    torch.testing.assert_close(clipped(), [torch.tensor([30.0, -4.0]), torch.tensor([0.1])])


def test_clipping_by_value_then_norm_matches_torch() -> None:
    expected = with_gradients([30.0, -4.0], [0.1])
    nn.utils.clip_grad_value_(expected, 3.0)
    torch.testing.assert_close(clipped(clip_value=3.0), [parameter.grad for parameter in expected])
    nn.utils.clip_grad_norm_(expected, 1.0)
    torch.testing.assert_close(
        clipped(clip_value=3.0, clip_norm=1.0), [parameter.grad for parameter in expected]
    )
    # The other way round the norm would have shrunk the large entry alone to below 3.
    assert clipped(clip_value=3.0, clip_norm=1.0)[0] == pytest.approx([2**-0.5, -(2**-0.5)], rel=1e-3)


def test_l2_penalty_is_added_to_gradients() -> None:
    parameters = with_gradients([30.0, -4.0], [0.1])
    frozen = nn.Parameter(torch.ones(1))
    add_l2_penalty(TrainConfig(l2_penalty=0.5), [*parameters, frozen])
    found = [parameter.grad for parameter in parameters]
    torch.testing.assert_close(found, [torch.tensor([31.0, -3.0]), torch.tensor([1.1])])
    assert frozen.grad is None
