"""What a predictor gets that is blind to the input and bound to what an output head can say."""

import math

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from failmap.search.trial.elementwise import least_losses, losses_at, without_rounding
from failmap.search.trial.head import Head

#: Targets at most by which the best constant of a Huber loss is found; further sequences are left out.
MAX_SOUGHT = 2**22
#: Halvings of an interval: the constant is then known to 1e-9 of it.
_NUM_HALVINGS = 30


def best_constant_loss(head: Head, targets: Shaped[Tensor, "batch *position"]) -> float:
    """The mean loss of the best constants, one for each position of a label, and for each class or pixel."""
    interval = head.interval()
    if head.kind == "category":
        mean = _shares(targets, head.size)
        if head.loss == "cross_entropy":
            return _cross_entropy_in(mean, interval)
        variance = mean * (1 - mean)
    else:
        variance, mean = torch.var_mean(targets, dim=0, correction=0)
        mean = without_rounding(head.wanted(mean.double()))
        variance = variance.double() * head.scale**2
    if head.loss in ("bce", "bce_with_logits"):
        # Linear in the target: the mean loss of one output is its loss at the mean target.
        return least_losses(head.loss, mean, interval).mean().item()
    low, high = interval
    if head.loss == "huber" and not low <= head.low <= head.high <= min(high, head.low + 1):
        return _huber_loss(head, targets, interval)
    constant = mean.clamp(low, high)
    squared = (variance + (constant - mean).square()).mean().item()
    # Where targets are within 1 of each other, and within reach, Huber's loss is half the square.
    return squared / 2 if head.loss == "huber" else squared


def _shares(
    classes: Shaped[Tensor, "batch *position"], num_classes: int
) -> Float64[Tensor, "*position classes"]:
    """How frequent each class is at each position."""
    return torch.stack([(classes == index).double().mean(0) for index in range(num_classes)], dim=-1)


def _cross_entropy_in(shares: Float64[Tensor, "*position classes"], interval: tuple[float, float]) -> float:
    """The least mean cross-entropy of constant outputs within an interval.

    Where the interval holds them, outputs are the logarithms of the shares plus any number c. In a narrower
    one they are cut off at its ends (Karush-Kuhn-Tucker), and c solves logsumexp(outputs) = c, whose left
    side grows more slowly than its right one.
    """
    low, high = interval
    logs = shares.log()
    if math.isinf(high - low):
        return -(shares * logs).nansum(-1).mean().item()
    below = torch.full_like(shares[..., :1], low)
    above = torch.full_like(below, high + math.log(shares.shape[-1]))
    for _ in range(_NUM_HALVINGS):
        middle = (below + above) / 2
        is_low = (logs + middle).clamp(low, high).logsumexp(-1, keepdim=True) > middle
        below, above = torch.where(is_low, middle, below), torch.where(is_low, above, middle)
    outputs = (logs + below).clamp(low, high)
    return (outputs.logsumexp(-1) - (shares * outputs).sum(-1)).mean().item()


def _huber_loss(
    head: Head, targets: Float[Tensor, "batch *position"], interval: tuple[float, float]
) -> float:
    """The least mean Huber loss of constants: each is where the mean slope changes its sign."""
    num_sequences = max(1, MAX_SOUGHT // max(1, targets[0].numel()))
    wanted = head.wanted(targets[:num_sequences]).double()
    below, above = wanted.amin(0).clamp(*interval), wanted.amax(0).clamp(*interval)
    for _ in range(_NUM_HALVINGS):
        middle = (below + above) / 2
        is_low = (middle - wanted).clamp(-1, 1).mean(0) < 0
        below, above = torch.where(is_low, middle, below), torch.where(is_low, above, middle)
    return losses_at("huber", below.expand_as(wanted), wanted).mean().item()
