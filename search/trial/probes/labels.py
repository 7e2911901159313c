"""What the labels have to do with the gradient, as seen on the outputs of other sequences."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from failmap.datasets.task import Batch
from failmap.search.trial.objective import Objective
from failmap.search.trial.probes.host import Signals
from failmap.search.trial.probes.passes import Gradient, ProbePass, moved_along, norm_of

#: Other labels that each sequence is given: what labels tell by their frequencies alone.
NUM_SHUFFLES = 2
#: The step along a gradient, as a share of the weights' norm: so small that outputs answer in proportion,
#: so large that the answer stands above their rounding.
STEP_SHARE = 1e-3
#: What is asked for counts as nothing below this share of the whole gradient: float32 rounds there.
MIN_SHARE = 1e-5

Outputs = Float[Tensor, "batch *label outputs"]


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


class Asked(NamedTuple):
    """Where a loss sends outputs, downwards.

    Attributes:
        beyond: by their own labels, beyond where the labels of other sequences send them.
        share: the size of that against the whole gradient to the outputs; NaN where that is zero.
    """

    beyond: Outputs
    share: float


def label_signals(training: Side, validation: Side) -> Signals:
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
    directions = [_direction(side.source) for side in sides]
    before = _outputs(*sides)
    asked = [
        asked_for(side.source.objective, outputs, side.judged)
        for side, outputs in zip(sides, before, strict=True)
    ]
    cosines = [[math.nan, math.nan], [math.nan, math.nan]]
    for place, (side, direction) in enumerate(zip(sides, directions, strict=True)):
        if direction is None or norm_of(direction) == 0:
            continue
        with moved_along(side.source.parameters, direction, STEP_SHARE):
            after = _outputs(*sides)
        cosines[place] = [
            _cosine(new - old, there) for new, old, there in zip(after, before, asked, strict=True)
        ]
    signals = {
        "label_agreement": (cosines[0][1] + cosines[1][0]) / 2,
        "label_share": asked[0].share,
    }
    if training.are_apart:
        signals["label_signal"] = cosines[0][0]
    if validation.are_apart:
        signals["label_signal_validation"] = cosines[1][1]
    return {name: value for name, value in signals.items() if not math.isnan(value)}


def asked_for(objective: Objective, outputs: Outputs, batch: Batch) -> Asked:
    """What a batch's labels ask of its outputs: its gradient under other labels less that under its own.

    Other labels are those of the sequences before each, which came in an order of chance.
    """
    outputs = outputs.detach().requires_grad_()
    (own,) = torch.autograd.grad(objective.loss(outputs, batch), outputs)
    losses = [
        objective.loss(outputs, batch._replace(targets=batch.targets.roll(shift, 0)))
        for shift in range(1, min(NUM_SHUFFLES, len(outputs) - 1) + 1)
    ]
    if not losses:
        return Asked(torch.zeros_like(outputs), math.nan)
    (others,) = torch.autograd.grad(torch.stack(losses).mean(), outputs)
    beyond = others - own
    size, whole = torch.stack((beyond.norm(), own.norm())).tolist()
    return Asked(beyond, size / whole if whole else math.nan)


def _direction(one: ProbePass) -> Gradient | None:
    """Minus d: the way in which weights should move for the labels of these sequences."""
    outputs = one.trace.outputs
    asked = asked_for(one.objective, outputs, one.batch)
    return one.gradient(outputs, asked.beyond) if asked.share > MIN_SHARE else None


@torch.no_grad()
def _outputs(training: Side, validation: Side) -> tuple[Outputs, ...]:
    """Of the sequences that are judged, both sides in one pass where they are of one length."""
    model, batches = training.source.model, (training.judged, validation.judged)
    inputs = [batch.inputs for batch in batches]
    is_padded = any(batch.lengths is not None for batch in batches)
    if is_padded or inputs[0].shape[1:] != inputs[1].shape[1:]:
        return tuple(model(batch.inputs, batch.lengths) for batch in batches)
    outputs: Outputs = model(torch.cat(inputs))
    return tuple(torch.split(outputs, [len(each) for each in inputs]))


def _cosine(moved: Outputs, asked: Asked) -> float:
    """Of a movement less its mean over sequences and what is asked for; NaN where either is nothing."""
    if not asked.share > MIN_SHARE:
        return math.nan
    moved, beyond = (moved - moved.mean(dim=0)).double(), asked.beyond.double()
    cosine: float = ((moved * beyond).sum() / (moved.norm() * beyond.norm())).item()
    return cosine
