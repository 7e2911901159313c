"""Whether an output depends, by its gradient, on what it must not know."""

import torch
from torch import Tensor

from failmap.search.trial.probes.host import Signals
from failmap.search.trial.probes.passes import ProbePass


def leak_signals(one: ProbePass, *, sees_future: bool) -> Signals:
    """Shares of an output's gradient that come from other sequences, and from later steps.

    Args:
        one: a pass of several sequences of one length.
        sees_future: whether the network is meant to see later steps.
    """
    outputs, inputs = one.trace.outputs, one.batch.inputs
    signals: Signals = {}
    if len(inputs) > 1:
        # One in the middle: where sequences are taken for steps, the first depends on no other.
        place = len(inputs) // 2
        others = [index for index in range(len(inputs)) if index != place]
        _tell(signals, "leak_across_batch", _gradient(outputs[place], inputs), others)
    num_steps = inputs.shape[1]
    layout = one.objective.task.config.target_layout
    if layout == "step" and num_steps > 1 and not sees_future:
        middle = (num_steps - 1) // 2
        gradient = _gradient(outputs[:, middle], inputs)
        _tell(signals, "leak_from_future", gradient, (slice(None), slice(middle + 1, None)))
    return signals


def _gradient(outputs: Tensor, inputs: Tensor) -> Tensor | None:
    if not outputs.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, retain_graph=True, allow_unused=True)
    return None if gradient is None else gradient.double()


def _tell(
    signals: Signals, name: str, gradient: Tensor | None, forbidden: list[int] | tuple[slice, slice]
) -> None:
    """Notes what share of a gradient is forbidden; nothing where there is no gradient."""
    if gradient is None:
        return
    allowed_too = gradient.norm().item()
    if allowed_too:
        signals[name] = gradient[forbidden].norm().item() / allowed_too
