"""All probes that need forward passes of their own, made at one evaluation."""

import torch
from torch import Tensor

from failmap.datasets.task import Batch
from failmap.search.trial.probes.common import Signals, to_host, without_padding
from failmap.search.trial.probes.labels import label_signals
from failmap.search.trial.probes.passes import (
    ProbePass,
    evaluating,
    gradient_of_squares,
    of_one_length,
    training_batches,
    validation_batches,
)
from failmap.search.trial.probes.time import time_signals
from failmap.search.trial.training import Training

#: Largest signal-to-noise ratio reported: beyond it the noise is rounding.
MAX_RATIO = 1e6


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
        leaks["leak_across_batch"] = _share(outputs[row], inputs, others)
    num_steps = inputs.shape[1]
    layout = probe_pass.objective.task.config.target_layout
    if layout == "step" and num_steps > 1 and not sees_future:
        step = (num_steps - 1) // 2
        later = (slice(None), slice(step + 1, None))
        leaks["leak_from_future"] = _share(outputs[:, step], inputs, later)
    return {name: share for name, share in leaks.items() if share is not None}


def _share(outputs: Tensor, inputs: Tensor, forbidden: list[int] | tuple[slice, slice]) -> float | None:
    """Return the share of the outputs' gradient at the forbidden inputs, or None without a gradient."""
    gradient = gradient_of_squares(outputs, inputs)
    if gradient is None:
        return None
    gradient = gradient.double()
    share: float = (gradient[forbidden].norm() / gradient.norm()).item()
    return share


def probe(training: Training, validation: Batch, update: int) -> Signals:
    """Probe a network after an update, without changing it, its gradients or any global random state.

    All passes run in evaluation mode and in float32.

    Args:
        training: The training, with its current task, network and objective.
        validation: The whole validation set, from which a few sequences are drawn.
        update: Number of updates done.
    """
    config = training.config
    trained_on = training_batches(training, update)
    held_out = validation_batches(validation, config.seed, update)
    if config.task.target_layout == "step":
        trained_on, held_out = trained_on.of_one_length(), held_out.of_one_length()
    signals: Signals = {"input_scale": input_scale(trained_on.source)}
    with evaluating(training.model, training.device):
        first, second = (ProbePass.run(training, batches.source) for batches in (trained_on, held_out))
        unpadded = first
        if first.batch.lengths is not None:
            unpadded = ProbePass.run(training, of_one_length(first.batch))
        is_first = update <= config.train.evaluate_every
        with_states = is_first or update == config.train.max_updates
        signals |= time_signals(unpadded, with_states=with_states) | signal_to_noise(first)
        if is_first:
            sees_future = bool(getattr(config.model, "bidirectional", False))
            signals |= leak_signals(unpadded, sees_future=sees_future)
        # Last, because it moves and restores the weights, which invalidates the graphs of earlier passes.
        signals |= label_signals((first, second), (trained_on, held_out))
    return to_host(signals)


def signal_to_noise(probe_pass: ProbePass) -> Signals:
    """Return the energy of the mean gradient over that of its noise, from the two halves of a batch.

    With g and h the gradients of the halves: g.h over |g - h|^2 / 2, both unbiased (McCandlish et al. 2018,
    appendix A, for halves instead of single sequences). It describes the gradient of half a batch, and is
    capped at MAX_RATIO.
    """
    if probe_pass.halves is None or not probe_pass.parameters:
        return {}
    first, second = (torch.cat([part.flatten() for part in half.parameters]) for half in probe_pass.halves)
    signal, noise = torch.vdot(first, second), (first - second).square().sum() / 2
    return {"gradient_snr": (signal / noise).clamp(max=MAX_RATIO).item()}


@torch.no_grad()
def input_scale(batch: Batch) -> Signals:
    """Return the scale of a batch's features over all steps that are not padding, as tensors on the device.

    Returns:
        largest_mean: the largest absolute mean; largest_spread, least_spread: standard deviations, the least
        one over features that vary; largest: the largest absolute entry.
    """
    values = without_padding(batch.inputs.detach(), batch.lengths)
    spreads = values.double().std(dim=0, correction=0)
    scale: Signals = {
        "largest_mean": values.double().mean(dim=0).abs().max(),
        "largest_spread": spreads.max(),
        "largest": values.abs().max(),
    }
    # Infinite if no feature varies, which is stored as null.
    return scale | {"least_spread": torch.where(spreads > 0, spreads, torch.inf).min()}
