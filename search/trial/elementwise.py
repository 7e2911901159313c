"""Losses element by element, in closed form: where they are least, and what they come to.

All are convex in the output, so within an interval the least loss is at the unconstrained minimum, or at the
end of the interval that is closer to it.
"""

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional

from failmap.search.trial.output_config import Loss

#: Targets this close beyond 0 or 1 are there by rounding.
_ROUNDING = 1e-6


def without_rounding(wanted: Float64[Tensor, "*any"]) -> Float64[Tensor, "*any"]:
    """The same targets with 0 and 1 for what rounding has put beyond: there, a loss on logits has no end."""
    inside = wanted.clamp(0, 1)
    return torch.where((wanted - inside).abs() < _ROUNDING, inside, wanted)


def best_outputs(
    loss: Loss, wanted: Float64[Tensor, "*any"], interval: tuple[float, float]
) -> Float64[Tensor, "*any"]:
    """For each trained target the activated output within an interval that costs least; may be infinite."""
    low, high = interval
    match loss:
        case "bce_with_logits":
            best = torch.logit(wanted.clamp(0, 1))
        case "bce":
            best = wanted.clamp(0, 1)
        case _:
            best = wanted
    return best.clamp(low, high)


def losses_at(
    loss: Loss, outputs: Float64[Tensor, "*any"], wanted: Float64[Tensor, "*any"]
) -> Float64[Tensor, "*any"]:
    """What each output costs; outputs may be infinite."""
    match loss:
        case "bce_with_logits":
            return _mixed(wanted, functional.softplus(-outputs), functional.softplus(outputs))
        case "bce":
            return _mixed(wanted, -outputs.log(), -torch.log1p(-outputs))
        case "huber":
            distance = (outputs - wanted).abs()
            return torch.where(distance <= 1, distance.square() / 2, distance - 0.5)
        case _:
            return (outputs - wanted).square()


def least_losses(
    loss: Loss, wanted: Float64[Tensor, "*any"], interval: tuple[float, float]
) -> Float64[Tensor, "*any"]:
    """For each trained target the least loss over the outputs in an interval."""
    return losses_at(loss, best_outputs(loss, wanted, interval), wanted)


def _mixed(
    share: Float64[Tensor, "*any"], if_one: Float64[Tensor, "*any"], if_zero: Float64[Tensor, "*any"]
) -> Float64[Tensor, "*any"]:
    """share * if_one + (1 - share) * if_zero, where 0 times infinity is 0."""
    one = torch.where(share == 0, 0.0, share * if_one)
    return one + torch.where(share == 1, 0.0, (1 - share) * if_zero)
