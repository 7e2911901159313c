"""Tests by gradients whether an output depends on inputs that it must not depend on."""

import torch
from torch import Tensor

from failmap.search.trial.probes.common import Signals
from failmap.search.trial.probes.passes import ProbePass


def leak_signals(probe_pass: ProbePass, *, sees_future: bool) -> Signals:
    """Return the shares of an output's gradient that come from other sequences and from later steps.

    Args:
        probe_pass: A pass of several sequences of equal length.
        sees_future: Whether the network may use later steps by design.
    """
    outputs, inputs = probe_pass.trace.outputs, probe_pass.batch.inputs
    leaks: dict[str, float | None] = {}
    if len(inputs) > 1:
        # Not the first sequence: if sequences are mistaken for steps, it depends on no other.
        row = len(inputs) // 2
        others = [index for index in range(len(inputs)) if index != row]
        leaks["leak_across_batch"] = _share(_gradient(outputs[row], inputs), others)
    num_steps = inputs.shape[1]
    layout = probe_pass.objective.task.config.target_layout
    if layout == "step" and num_steps > 1 and not sees_future:
        step = (num_steps - 1) // 2
        later = (slice(None), slice(step + 1, None))
        leaks["leak_from_future"] = _share(_gradient(outputs[:, step], inputs), later)
    return {name: share for name, share in leaks.items() if share is not None}


def _gradient(outputs: Tensor, inputs: Tensor) -> Tensor | None:
    if not outputs.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, retain_graph=True, allow_unused=True)
    return None if gradient is None else gradient.double()


def _share(gradient: Tensor | None, forbidden: list[int] | tuple[slice, slice]) -> float | None:
    """Return the norm of the forbidden entries relative to the whole norm, or None without a gradient."""
    norm = 0.0 if gradient is None else gradient.norm().item()
    return gradient[forbidden].norm().item() / norm if gradient is not None and norm else None
