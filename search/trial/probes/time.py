"""How far back in time a gradient reaches: to the inputs, and to the states of every layer."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from failmap.models.chunks import state_gradients
from failmap.models.gates import GATES
from failmap.models.network import LayerTrace
from failmap.search.trial.probes.host import Signals, steps_back
from failmap.search.trial.probes.passes import ProbePass

#: How far back a gradient counts as having reached.
REACHED_SHARE = 1e-3
#: Sequences that gradients to states are followed in.
MAX_SEQUENCES = 8


def time_signals(one: ProbePass, *, with_states: bool = True) -> Signals:
    """The gradient of the last label's loss, followed back through time: numbers and lists.

    Of outputs that are decoded, all labels count. The total derivative to a layer's states is told where
    these are all that leaves it: in stacks of torch's layers that read one way; over MAX_SEQUENCES
    sequences, of the mean loss over all of them.

    Args:
        one: a pass of sequences of one length.
        with_states: follow gradients to states too, which takes a pass of its own in every layer.
    """
    if not one.trace.outputs.requires_grad:
        return {}
    layers = [layer for layer in one.trace.layers if with_states and _is_walked(layer)]
    to_inputs, *from_above = _last_label_gradients(one, layers)
    signals = reach(to_inputs.double().norm(dim=(0, 2)).tolist())
    if layers:
        steps = steps_back(layers[0].states.shape[1])
        norms = torch.stack(
            [_norms(layer, gradient, steps) for layer, gradient in zip(layers, from_above, strict=True)]
        )
        names = [layer.name for layer in layers]
        signals["state_gradient_by_step"] = dict(zip(names, norms.tolist(), strict=True))
        signals["state_gradient_steps"] = steps
    return signals


def last_label_loss(one: ProbePass) -> Float[Tensor, ""]:
    """The loss of the last label alone; of all labels where they are not those of input steps."""
    outputs, batch = one.trace.outputs, one.batch
    if one.objective.task.config.target_layout == "step":
        outputs, batch = outputs[:, -1:], batch._replace(targets=batch.targets[:, -1:])
    return one.objective.loss(outputs, batch)


def _last_label_gradients(one: ProbePass, layers: Sequence[LayerTrace]) -> Sequence[Tensor]:
    """Of the last label's loss to the inputs, and to the states of some layers."""
    is_of_all_labels = one.objective.task.config.target_layout != "step"
    if is_of_all_labels and len(one.batch.inputs) % 2 == 0 and one.halves is not None:
        # The mean loss of all is that of the two halves, whose gradients are asked for anyway.
        first, second = one.halves
        places = {layer.name: place for place, layer in enumerate(one.trace.layers)}
        pairs = [(first.states[places[layer.name]], second.states[places[layer.name]]) for layer in layers]
        above = [(g + h) / 2 for g, h in pairs if g is not None and h is not None]
        return [(first.inputs + second.inputs) / 2, *above]
    return torch.autograd.grad(
        last_label_loss(one),
        [one.batch.inputs, *(layer.states for layer in layers)],
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )


def reach(norms: Sequence[float]) -> Signals:
    """How many of the last steps have a thousandth of the last one's gradient, and the first step's share.

    Args:
        norms: of the gradient to the inputs of each step. Where the last is zero, the largest stands for it,
            and where that is zero too, nothing is told.
    """
    reference = norms[-1] or max(norms)
    if not reference:
        return {}
    faded = (back for back, norm in enumerate(reversed(norms)) if not norm >= REACHED_SHARE * reference)
    return {
        "gradient_reach_steps": next(faded, len(norms)),
        "gradient_share_at_first": norms[0] / reference,
    }


def _is_walked(layer: LayerTrace) -> bool:
    """Whether a layer is one of torch's that goes over the input one way, and hands on its states alone."""
    return (
        type(layer.layer) in GATES
        and not layer.layer.bidirectional
        and not layer.hands_on_state
        and layer.states.requires_grad
    )


def _norms(
    layer: LayerTrace, from_above: Float[Tensor, "batch time hidden"], steps: Sequence[int]
) -> Float[Tensor, "steps"]:
    assert isinstance(layer.layer, nn.RNNBase)
    few = slice(MAX_SEQUENCES)
    gradients = state_gradients(layer.layer, layer.inputs[few], from_above[few], steps)
    norms: Tensor = gradients.double().norm(dim=(1, 2))
    return norms
