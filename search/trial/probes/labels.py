"""How well the gradient follows the labels, measured on the outputs of other sequences."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from failmap.datasets.task import Batch
from failmap.models.network import Network
from failmap.search.trial.objective import Objective
from failmap.search.trial.probes.common import Signals
from failmap.search.trial.probes.passes import Gradient, ProbeBatches, ProbePass, moved_along, norm_of

#: Shuffles of the labels, which give the gradient that label frequencies alone produce.
NUM_SHUFFLES = 2
#: Step along a gradient, relative to the weights' norm: small enough that outputs respond linearly, large
#: enough that the response exceeds their rounding.
STEP_SHARE = 1e-3
#: A label gradient below this share of the whole gradient counts as zero: float32 rounds there.
MIN_SHARE = 1e-5

Outputs = Float[Tensor, "batch *label outputs"]


class LabelGradient(NamedTuple):
    """The part of the loss's gradient that depends on which sequence has which label.

    Attributes:
        descent: The negative gradient with respect to the outputs, less that under other sequences' labels.
        share: Norm of `descent` relative to the whole gradient's norm; NaN where the latter is zero.
    """

    descent: Outputs
    share: float


def label_signals(passes: Sequence[ProbePass], batches: Sequence[ProbeBatches]) -> Signals:
    """Measure whether following the labels of some sequences moves the outputs of others towards theirs.

    Let d be a batch's gradient g minus the gradient under the labels of other sequences: what labels say
    beyond their frequencies. After a small step down along d, the outputs of other sequences have moved by f,
    while r is the movement that their own labels ask for beyond the labels of others. The signals are cosines
    of f (minus its mean) and r: 0 where labels carry nothing that this network's gradient can use, as
    Shalev-Shwartz, Shamir and Shammah (2017) show for parity; negative where the labels of the two sets are
    inverted. This is the alignment of kernel and targets (Cristianini et al. 2001) for the network's tangent
    kernel on new sequences. The cosine between the d of two batches says the same, but they lie in one or two
    directions: its standard deviation on parity was 0.8.

    `label_share` is the norm of r relative to the loss's whole gradient with respect to the outputs: 0 for a
    loss that ignores which sequence has which label.

    The weights are moved and restored bit by bit; graphs of earlier passes are invalid afterwards.

    Args:
        passes: Passes of the sources of `batches`.
        batches: Two of training and two of validation.

    Returns:
        Numbers, left out where there is no gradient or where sequences are too few.
    """
    model, parameters, objective = passes[0].model, passes[0].parameters, passes[0].objective
    directions = [_direction(source) for source in passes]
    evaluated = [pair.evaluated for pair in batches]
    before = _outputs(model, evaluated)
    wanted = [
        label_gradient(objective, outputs, batch) for outputs, batch in zip(before, evaluated, strict=True)
    ]
    cosines = [[math.nan, math.nan], [math.nan, math.nan]]
    for index, direction in enumerate(directions):
        if direction is None or norm_of(direction) == 0:
            continue
        with moved_along(parameters, direction, STEP_SHARE):
            after = _outputs(model, evaluated)
        cosines[index] = [
            _cosine(new - old, gradient) for new, old, gradient in zip(after, before, wanted, strict=True)
        ]
    signals = {
        "label_agreement": (cosines[0][1] + cosines[1][0]) / 2,
        "label_share": wanted[0].share,
    }
    for index, name in enumerate(("label_signal", "label_signal_validation")):
        if batches[index].are_disjoint:
            signals[name] = cosines[index][index]
    return {name: value for name, value in signals.items() if not math.isnan(value)}


def label_gradient(objective: Objective, outputs: Outputs, batch: Batch) -> LabelGradient:
    """Return a batch's output gradient under other sequences' labels minus that under its own.

    The labels of others are those of the preceding sequences, whose order is random.
    """
    outputs = outputs.detach().requires_grad_()
    (own,) = torch.autograd.grad(objective.loss(outputs, batch), outputs)
    losses = [
        objective.loss(outputs, batch._replace(targets=batch.targets.roll(shift, 0)))
        for shift in range(1, min(NUM_SHUFFLES, len(outputs) - 1) + 1)
    ]
    if not losses:
        return LabelGradient(torch.zeros_like(outputs), math.nan)
    (others,) = torch.autograd.grad(torch.stack(losses).mean(), outputs)
    descent = others - own
    size, whole = torch.stack((descent.norm(), own.norm())).tolist()
    return LabelGradient(descent, size / whole if whole else math.nan)


def _direction(probe_pass: ProbePass) -> Gradient | None:
    """Return -d: the direction in which the labels of these sequences move the weights."""
    outputs = probe_pass.trace.outputs
    gradient = label_gradient(probe_pass.objective, outputs, probe_pass.batch)
    return probe_pass.gradient(outputs, gradient.descent) if gradient.share > MIN_SHARE else None


@torch.no_grad()
def _outputs(model: Network, batches: Sequence[Batch]) -> tuple[Outputs, ...]:
    """Return the outputs of both batches, in one pass if all sequences have one length."""
    inputs = [batch.inputs for batch in batches]
    is_padded = any(batch.lengths is not None for batch in batches)
    if is_padded or inputs[0].shape[1:] != inputs[1].shape[1:]:
        return tuple(model(batch.inputs, batch.lengths) for batch in batches)
    outputs: Outputs = model(torch.cat(inputs))
    return tuple(torch.split(outputs, [len(part) for part in inputs]))


def _cosine(moved: Outputs, wanted: LabelGradient) -> float:
    """Return the cosine of a centred movement and the wanted one; NaN if either is zero."""
    if not wanted.share > MIN_SHARE:
        return math.nan
    moved, descent = (moved - moved.mean(dim=0)).double(), wanted.descent.double()
    cosine: float = ((moved * descent).sum() / (moved.norm() * descent.norm())).item()
    return cosine
