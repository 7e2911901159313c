"""What the labels have to do with the gradient, as seen on the outputs of other sequences."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from datasets.task import Batch
from search.trial.objective import Objective
from search.trial.probes.batches import orders
from search.trial.probes.host import Signals
from search.trial.probes.passes import Gradient, ProbePass, moved_along, norm_of

#: Other labels that each sequence is given: what labels tell by their frequencies alone.
NUM_SHUFFLES = 4
#: The step along a gradient, as a share of the weights' norm: so small that outputs answer in proportion,
#: so large that the answer stands above their rounding.
STEP_SHARE = 1e-3
#: Of signal to noise.
MAX_RATIO = 1e6


class Side(NamedTuple):
    """Sequences of one kind, from training or from validation.

    Attributes:
        source: a pass of those whose labels' gradient is followed.
        judged: others, whose outputs answer.
        are_apart: whether these are others.
    """

    source: ProbePass
    judged: Batch
    are_apart: bool


def label_signals(training: Side, validation: Side, seed: int, update: int) -> Signals:
    """Whether following the labels of some sequences brings the outputs of others towards theirs.

    Let d be a batch's gradient g less the one under the labels of other sequences: what labels tell beyond
    their frequencies. After a small step down along d, the outputs of other sequences have moved by f, and
    what their own labels ask for beyond those of others is r. Told are cosines of f (less its mean) and r:
    0 where labels carry nothing that this network's gradient can use, as Shalev-Shwartz, Shamir and Shammah
    (2017) show for parity; negative where the labels of the two were turned over. It is the alignment of
    kernel and targets (Cristianini et al. 2001), of the network's tangent kernel and on new sequences. The
    cosine of the d of two batches says the same, but these lie in one or two directions: its standard
    deviation on parity was 0.8.

    `label_share` is the size of r against that of the loss' whole gradient to the outputs: 0 for a loss that
    does not look at which sequence has which label.

    The weights are moved and put back to the last bit; graphs of earlier passes end here.

    Returns:
        Numbers; absent where there is no gradient, or too few sequences.
    """
    sides = (training, validation)
    directions = [_direction(side.source, seed, update) for side in sides]
    before = [_outputs(side) for side in sides]
    asked = [
        asked_for(side.source.objective, outputs, side.judged, seed, update)
        for side, outputs in zip(sides, before, strict=True)
    ]
    cosines = torch.full((2, 2), math.nan, dtype=torch.float64)
    for place, (side, direction) in enumerate(zip(sides, directions, strict=True)):
        if direction is None or norm_of(direction) == 0:
            continue
        with moved_along(side.source.parameters, direction, STEP_SHARE):
            after = [_outputs(side) for side in sides]
        for other in range(2):
            cosines[place, other] = _cosine(after[other] - before[other], asked[other])
    signals = {
        "label_agreement": (cosines[0, 1] + cosines[1, 0]).item() / 2,
        "label_share": _share(training.source.objective, before[0], training.judged, asked[0]),
    }
    if training.are_apart:
        signals["label_signal"] = cosines[0, 0].item()
    if validation.are_apart:
        signals["label_signal_validation"] = cosines[1, 1].item()
    return {name: value for name, value in signals.items() if not math.isnan(value)}


def asked_for(
    objective: Objective, outputs: Float[Tensor, "batch *label outputs"], batch: Batch, seed: int, update: int
) -> Float[Tensor, "batch *label outputs"]:
    """Where outputs should go by their own labels, beyond where the labels of other sequences send them.

    The gradient of the mean loss under other labels less the loss under their own; zero for one sequence.
    """
    outputs = outputs.detach().requires_grad_()
    gap = -objective.loss(outputs, batch)
    given = orders(len(outputs), NUM_SHUFFLES, seed, update)
    if not given:
        return torch.zeros_like(outputs)
    for order in given:
        targets = batch.targets[order.to(batch.targets.device)]
        gap = gap + objective.loss(outputs, batch._replace(targets=targets)) / len(given)
    (asked,) = torch.autograd.grad(gap, outputs)
    return asked


def signal_to_noise(one: ProbePass) -> Signals:
    """The energy of the mean gradient over that of the noise in it, from the two halves of a batch.

    With g and h the gradients of the halves: g.h over |g - h|^2 / 2, both without bias (McCandlish et al.
    2018, appendix A, for halves instead of single sequences). It says how much signal half a batch has;
    MAX_RATIO at most, for beyond that the noise is rounding.
    """
    middle = len(one.batch.inputs) // 2
    if middle == 0:
        return {}
    halves = [one.gradient(one.loss(part)) for part in (slice(middle), slice(middle, 2 * middle))]
    first, second = halves
    if first is None or second is None:
        return {}
    pairs = list(zip(first, second, strict=True))
    signal = torch.stack([torch.vdot(g.double().flatten(), h.double().flatten()) for g, h in pairs]).sum()
    noise = torch.stack([(g.double() - h.double()).square().sum() for g, h in pairs]).sum() / 2
    return {"gradient_snr": (signal / noise).clamp(max=MAX_RATIO).item()}


def _direction(one: ProbePass, seed: int, update: int) -> Gradient | None:
    """Minus d: the way in which weights should move for the labels of these sequences."""
    outputs = one.trace.outputs
    return one.gradient(outputs, asked_for(one.objective, outputs, one.batch, seed, update))


def _share(
    objective: Objective,
    outputs: Float[Tensor, "batch *label outputs"],
    batch: Batch,
    asked: Float[Tensor, "batch *label outputs"],
) -> float:
    """The size of what is asked for beyond other labels against the whole; NaN where that is zero."""
    outputs = outputs.detach().requires_grad_()
    (whole,) = torch.autograd.grad(objective.loss(outputs, batch), outputs)
    size = whole.double().norm().item()
    return asked.double().norm().item() / size if size else math.nan


@torch.no_grad()
def _outputs(side: Side) -> Float[Tensor, "batch *label outputs"]:
    outputs: Tensor = side.source.model(side.judged.inputs, side.judged.lengths)
    return outputs


def _cosine(
    moved: Float[Tensor, "batch *label outputs"], asked: Float[Tensor, "batch *label outputs"]
) -> float:
    """Of a movement less its mean over sequences and what is asked for; NaN where either is zero."""
    moved, asked = (moved - moved.mean(dim=0)).double(), asked.double()
    cosine: float = ((moved * asked).sum() / (moved.norm() * asked.norm())).item()
    return cosine
