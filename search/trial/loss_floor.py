"""Closed-form bounds on the loss of an output head: its floor, and the loss of the best constant outputs.

A sigmoid followed by a loss on logits cannot express a probability below one half, and a tanh cannot
output 2. The floor is the mean loss at the best reachable output for each target.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from failmap.search.trial.head import Head, least_losses, losses_at, without_rounding

#: Bins over the range of the targets, so that millions of pixels are cheap.
NUM_BINS = 2**16
#: Targets binned at a time.
_CHUNK_SIZE = 2**20
#: Relative gap between floor and best possible loss that counts as rounding of targets.
TOLERANCE = 1e-6
#: Maximum number of targets from which the best constant of a Huber loss is found.
MAX_HUBER_TARGETS = 2**22
#: Halvings of an interval in a bisection: they locate a constant to 1e-9 of it.
_NUM_HALVINGS = 30

_ACTIVATIONS = {
    "none": "no activation",
    "sigmoid": "a sigmoid",
    "tanh": "a tanh",
    "scaled": "a scaled sigmoid",
}

Interval = tuple[float, float]
_EVERYTHING: Interval = (-math.inf, math.inf)


@dataclass(frozen=True)
class Floor:
    """A lower bound on the mean loss of a head.

    Attributes:
        loss: The least mean loss over the reachable outputs; -inf if it is unbounded.
        best_possible: The same over all outputs, reachable or not: the targets' entropy if they are shares,
            0 otherwise, and -inf if a loss on logits gets targets outside 0..1.
        worst_target: The target with the widest gap between the two, after mapping; 1 for the right class.
        explanation: One sentence with the numbers.
    """

    loss: float
    best_possible: float
    worst_target: float
    explanation: str = ""

    @property
    def gap(self) -> float:
        """How far the floor lies above the best possible loss; may be infinite."""
        return 0.0 if self.loss == self.best_possible else self.loss - self.best_possible

    @property
    def is_reachable(self) -> bool:
        """Whether the floor is finite and equals the loss of a perfect predictor."""
        return math.isfinite(self.loss) and self.gap <= TOLERANCE * (1 + abs(self.loss))


def floor(
    head: Head, targets: Shaped[Tensor, "*label"] | Sequence[float], reach: Interval | None = None
) -> Floor:
    """Return the least mean loss of a head on given targets.

    Args:
        head: Activation, target mapping and loss.
        targets: Targets in the task's units, without padding.
        reach: The least and the largest raw output; None for any number. With those of an untrained network
            over a batch, the floor is the least loss before training has to widen its outputs' range. This
            bound is loose, since the outputs of one label usually vary less.
    """
    interval = head.interval(reach)
    if head.loss == "cross_entropy":
        found, costs = _of_cross_entropy(head.size, interval)
    else:
        found, costs = _elementwise(head, torch.as_tensor(targets).flatten(), interval)
    return replace(found, explanation=_explanation(head, found, costs, interval, reach))


def best_constant_loss(
    head: Head,
    targets: Shaped[Tensor, "batch *position"],
    class_weights: Float[Tensor, "classes"] | None = None,
) -> float:
    """Return the mean loss of the best constants, one per position of a label and per class or pixel.

    Args:
        head: Activation, target mapping and loss.
        targets: Targets in the task's units, without padding.
        class_weights: What the loss of a label of each class is multiplied by, if anything.
    """
    interval = head.interval()
    if head.kind == "category":
        # How frequent each class is at each position.
        mean = torch.stack([(targets == index).double().mean(0) for index in range(head.size)], dim=-1)
        if class_weights is not None:
            return _weighted(head, mean * class_weights.double(), interval)
        if head.loss == "cross_entropy":
            return _cross_entropy_in(mean, interval).mean().item()
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
    # If all targets are within 1 of each other and within reach, the Huber loss is half the square.
    return squared / 2 if head.loss == "huber" else squared


def _weighted(head: Head, weights: Float64[Tensor, "*position classes"], interval: Interval) -> float:
    """Return the mean loss of the best constants where classes have weights that need not add up to 1.

    It is that of as many labels, times their weight.
    """
    total = weights.sum(-1, keepdim=True)
    shares = weights / total
    if head.loss == "cross_entropy":
        return (total.squeeze(-1) * _cross_entropy_in(shares, interval)).mean().item()
    # 0 and 1 for each class: the mean loss of one output is that at each of them, times how frequent it is.
    outputs = _best_of_shares(head, shares, interval)
    if_one, if_zero = (losses_at(head.loss, outputs, torch.full_like(shares, value)) for value in (1.0, 0.0))
    losses = torch.where(shares == 0, 0.0, shares * if_one)
    losses = losses + torch.where(shares == 1, 0.0, (1 - shares) * if_zero)
    return (total * losses).mean().item()


def _best_of_shares(
    head: Head, shares: Float64[Tensor, "*any"], interval: Interval
) -> Float64[Tensor, "*any"]:
    """Return the best constant output for each share of ones: their mean, or its logit.

    Zeros and ones are within 1 of the outputs between them, where the Huber loss is half the square.
    """
    best = torch.logit(shares) if head.loss == "bce_with_logits" else shares
    return best.clamp(*interval)


def _of_cross_entropy(num_classes: int, interval: Interval) -> tuple[Floor, str]:
    """Put the right class at the highest output and the others at the lowest: ln(1 + (K-1) e^(low-high))."""
    low, high = interval
    loss = math.log1p((num_classes - 1) * math.exp(low - high))
    return Floor(loss, 0.0, 1.0), f"every label costs at least {loss:.3g}"


def _elementwise(head: Head, targets: Shaped[Tensor, "values"], interval: Interval) -> tuple[Floor, str]:
    """Return the floor, and a description of what the least and the largest target cost."""
    if head.kind == "category":
        # One label suffices: each is one right class among K - 1 wrong ones.
        values, counts = torch.tensor([[0.0, 1.0], [head.size - 1.0, 1.0]], dtype=torch.float64)
    else:
        values, counts = _binned(targets)
        values = without_rounding(head.wanted(values))
    losses = least_losses(head.loss, values, interval)
    best = least_losses(head.loss, values, _EVERYTHING)
    gaps = (losses - best).nan_to_num(nan=math.inf, posinf=math.inf)  # an unbounded loss is the worst
    shares = counts / counts.sum()
    found = Floor((shares * losses).sum().item(), (shares * best).sum().item(), values[gaps.argmax()].item())
    costs = f"a target of {values[0]:.3g} costs at least {losses[0]:.3g}"
    if values[0] != values[-1]:
        costs += f", one of {values[-1]:.3g} at least {losses[-1]:.3g}"
    return found, costs


def _binned(
    targets: Shaped[Tensor, "values"],
) -> tuple[Float64[Tensor, "bins"], Float64[Tensor, "bins"]]:
    """Return distinct values in ascending order, from the least to the largest, and their counts.

    The values in a bin are replaced by their mean, which is exact if they are all the same.
    """
    low, high = targets.min().item(), targets.max().item()
    per_unit = (NUM_BINS - 1) / (high - low) if high > low else 0.0
    counts = torch.zeros(NUM_BINS, dtype=torch.float64, device=targets.device)
    sums = torch.zeros_like(counts)
    for part in targets.split(_CHUNK_SIZE):
        chunk = part.double()
        bins = ((chunk - low) * per_unit).round().long()
        counts += bins.bincount(minlength=NUM_BINS)
        sums += bins.bincount(chunk, minlength=NUM_BINS)
    filled = counts > 0
    values = sums[filled] / counts[filled]
    values[0], values[-1] = low, high
    return values.cpu(), counts[filled].cpu()


def _explanation(head: Head, found: Floor, costs: str, interval: Interval, reach: Interval | None) -> str:
    """Describe a floor in one sentence with its numbers."""
    start = f"{_ACTIVATIONS[head.activation]} before {head.loss}"
    if reach is not None:
        start += f", on raw outputs from {reach[0]:.3g} to {reach[1]:.3g}"
    if found.is_reachable:
        return f"{start}: every target is within reach, and the mean loss can fall to {found.loss:.3g}"
    improper = f"a target of {found.worst_target:.3g} is not a probability"
    if found.loss == -math.inf:
        return f"{start}: {improper}, so the loss falls without bound as outputs grow"
    perfect = improper if found.best_possible == -math.inf else f"perfect: {found.best_possible:.3g}"
    low, high = interval
    return (
        f"{start}: outputs lie in {low:.3g}..{high:.3g}{_probabilities(head, interval)}; {costs}; "
        f"the mean loss cannot fall below {found.loss:.3g} ({perfect})"
    )


def _probabilities(head: Head, interval: Interval) -> str:
    """Describe the probabilities that a loss on logits makes of the reachable outputs."""
    if head.loss == "bce_with_logits":
        least, most = torch.sigmoid(torch.tensor(interval, dtype=torch.float64)).tolist()
        return f", so probabilities in {least:.3g}..{most:.3g}"
    if head.loss == "cross_entropy":
        low, high = interval
        most = 1 / (1 + (head.size - 1) * math.exp(low - high))
        return f", so the right one of {head.size} classes gets a probability of {most:.3g} at most"
    return ""


def _cross_entropy_in(
    shares: Float64[Tensor, "*position classes"], interval: Interval
) -> Float64[Tensor, "*position"]:
    """Return the least mean cross-entropy of constant outputs within an interval.

    The best outputs are log(shares) + c. A narrow interval clips them at its ends (Karush-Kuhn-Tucker), and c
    solves logsumexp(outputs) = c, whose left side grows more slowly than its right one.
    """
    low, high = interval
    logs = shares.log()
    if math.isinf(high - low):
        return -(shares * logs).nansum(-1)
    below = torch.full_like(shares[..., :1], low)
    above = torch.full_like(below, high + math.log(shares.shape[-1]))
    for _ in range(_NUM_HALVINGS):
        middle = (below + above) / 2
        is_low = (logs + middle).clamp(low, high).logsumexp(-1, keepdim=True) > middle
        below, above = torch.where(is_low, middle, below), torch.where(is_low, above, middle)
    outputs = (logs + below).clamp(low, high)
    return outputs.logsumexp(-1) - (shares * outputs).sum(-1)


def _huber_loss(head: Head, targets: Float[Tensor, "batch *position"], interval: Interval) -> float:
    """Return the least mean Huber loss of constants, each found where the mean slope changes sign."""
    num_sequences = max(1, MAX_HUBER_TARGETS // max(1, targets[0].numel()))
    wanted = head.wanted(targets[:num_sequences]).double()
    below, above = wanted.amin(0).clamp(*interval), wanted.amax(0).clamp(*interval)
    for _ in range(_NUM_HALVINGS):
        middle = (below + above) / 2
        is_low = (middle - wanted).clamp(-1, 1).mean(0) < 0
        below, above = torch.where(is_low, middle, below), torch.where(is_low, above, middle)
    return losses_at("huber", below.expand_as(wanted), wanted).mean().item()
