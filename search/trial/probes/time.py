"""Probes of how far a gradient reaches back in time, to the inputs and to the states of every layer."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from failmap.datasets.task import Batch
from failmap.models.chunks import state_gradients
from failmap.models.gates import GATES
from failmap.models.network import LayerTrace
from failmap.search.trial.objective import Objective
from failmap.search.trial.probes.common import Signals, steps_back
from failmap.search.trial.probes.passes import ProbePass, gradients_of

#: Share of the last step's gradient from which on an earlier step counts as reached.
REACHED_SHARE = 1e-3
#: Maximum number of sequences for which gradients to states are computed.
MAX_SEQUENCES = 8


def time_signals(probe_pass: ProbePass, *, with_states: bool = True) -> Signals:
    """Return how the gradient of the last label's loss fades backwards in time, as numbers and lists.

    For decoded outputs, all labels count. The total derivative with respect to a layer's states is reported
    where nothing but these states leaves the layer: in unidirectional stacks of torch's layers. It covers
    MAX_SEQUENCES sequences, of the mean loss over all of them.

    Args:
        probe_pass: A pass of sequences of equal length.
        with_states: Whether to compute gradients to states, which needs an extra pass in every layer.
    """
    if not probe_pass.trace.outputs.requires_grad:
        return {}
    layers = [layer for layer in probe_pass.trace.layers if with_states and _passes_states_only(layer)]
    to_inputs, *from_above = _last_label_gradients(probe_pass, layers)
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


def last_label_loss(objective: Objective, outputs: Tensor, batch: Batch) -> Float[Tensor, ""]:
    """Return the loss of the last label, or of all labels if they do not belong to input steps."""
    if objective.task.config.target_layout == "step":
        outputs, batch = outputs[:, -1:], batch._replace(targets=batch.targets[:, -1:])
    return objective.loss(outputs, batch)


def reach(norms: Sequence[float]) -> Signals:
    """Return how many of the last steps have a thousandth of the last gradient, and the first step's share.

    Args:
        norms: Norm of the gradient to each step's input. If the last is zero, the largest is the reference;
            if that is zero too, nothing is returned.
    """
    reference = norms[-1] or max(norms)
    if not reference:
        return {}
    faded = (back for back, norm in enumerate(reversed(norms)) if not norm >= REACHED_SHARE * reference)
    return {
        "gradient_reach_steps": next(faded, len(norms)),
        "gradient_share_at_first": norms[0] / reference,
    }


def _last_label_gradients(probe_pass: ProbePass, layers: Sequence[LayerTrace]) -> Sequence[Tensor]:
    """Return the last label's gradients with respect to the inputs and to the states of some layers."""
    is_of_all_labels = probe_pass.objective.task.config.target_layout != "step"
    if is_of_all_labels and len(probe_pass.batch.inputs) % 2 == 0 and probe_pass.halves is not None:
        # The mean loss of all is that of the two halves, whose gradients are needed anyway.
        first, second = probe_pass.halves
        indices = {layer.name: index for index, layer in enumerate(probe_pass.trace.layers)}
        pairs = [(first.states[indices[layer.name]], second.states[indices[layer.name]]) for layer in layers]
        above = [(g + h) / 2 for g, h in pairs if g is not None and h is not None]
        return [(first.inputs + second.inputs) / 2, *above]
    loss = last_label_loss(probe_pass.objective, probe_pass.trace.outputs, probe_pass.batch)
    return gradients_of(loss, [probe_pass.batch.inputs, *(layer.states for layer in layers)])


def _passes_states_only(layer: LayerTrace) -> bool:
    """Return whether a layer is one of torch's, unidirectional, and passes on nothing but its states."""
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
