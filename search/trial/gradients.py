"""What is done to the gradients between the backward pass and the optimizer's step."""

from collections.abc import Sequence

import torch
from torch import nn

from failmap.search.trial.train_config import TrainConfig


def clip(config: TrainConfig, parameters: Sequence[nn.Parameter]) -> None:
    """Cuts every entry to the largest value allowed, and scales what is left to the largest norm allowed."""
    if config.clip_value is not None:
        nn.utils.clip_grad_value_(parameters, config.clip_value)
    if config.clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, config.clip_norm)


@torch.no_grad()
def add_l2_penalty(config: TrainConfig, parameters: Sequence[nn.Parameter]) -> None:
    """Adds the gradient of l2_penalty / 2 times the squared norm of all weights that have a gradient.

    Comes after clipping, as torch's weight decay does: with Adam or SGD the two are the same.
    """
    if config.l2_penalty == 0:
        return
    pairs = [(parameter.grad, parameter) for parameter in parameters if parameter.grad is not None]
    torch._foreach_add_([pair[0] for pair in pairs], [pair[1] for pair in pairs], alpha=config.l2_penalty)
