"""The probes that cost passes of their own, all at one evaluation."""

import torch

from failmap.datasets.task import Batch
from failmap.search.trial.probes.batches import of_one_length, training_batches, validation_batches
from failmap.search.trial.probes.host import Signals, is_first, is_last, to_host
from failmap.search.trial.probes.labels import Side, label_signals
from failmap.search.trial.probes.leaks import leak_signals
from failmap.search.trial.probes.passes import ProbePass, evaluating
from failmap.search.trial.probes.time import time_signals
from failmap.search.trial.training import Training

#: Of signal to noise.
MAX_RATIO = 1e6


def signal_to_noise(one: ProbePass) -> Signals:
    """The energy of the mean gradient over that of the noise in it, from the two halves of a batch.

    With g and h the gradients of the halves: g.h over |g - h|^2 / 2, both without bias (McCandlish et al.
    2018, appendix A, for halves instead of single sequences). It says how much signal half a batch has;
    MAX_RATIO at most, for beyond that the noise is rounding.
    """
    if one.halves is None or not one.parameters:
        return {}
    first, second = (torch.cat([each.flatten() for each in half.parameters]) for half in one.halves)
    signal, noise = torch.vdot(first, second), (first - second).square().sum() / 2
    return {"gradient_snr": (signal / noise).clamp(max=MAX_RATIO).item()}


@torch.no_grad()
def input_scale(batch: Batch) -> Signals:
    """Over the features of a batch, at its sequences' own steps; tensors, on the device.

    Returns:
        largest_mean: the largest absolute mean; largest_spread, least_spread: standard deviations, features
        that never change left out of the least; largest: the largest absolute entry.
    """
    values = batch.inputs.detach().flatten(0, 1)
    if batch.lengths is not None:
        is_own = torch.arange(batch.inputs.shape[1]) < batch.lengths[:, None]
        values = values[is_own.flatten().to(values.device)]
    spreads = values.double().std(dim=0, correction=0)
    scale: Signals = {
        "largest_mean": values.double().mean(dim=0).abs().max(),
        "largest_spread": spreads.max(),
        "largest": values.abs().max(),
    }
    # Without a feature that changes this is infinite, and told as null.
    return scale | {"least_spread": torch.where(spreads > 0, spreads, torch.inf).min()}


def probe(training: Training, validation: Batch, update: int) -> Signals:
    """Looks at the network as it stands after so many updates, and leaves it and its gradients as they are.

    Every pass is in evaluation mode and in float32; no global generator of random numbers is used.

    Args:
        training: whatever task, network and objective it has now.
        validation: the whole set, from which a few sequences are drawn.
        update: updates done.
    """
    config = training.config
    trained_on = training_batches(training, update)
    held_out = validation_batches(validation, config.seed, update)
    if config.task.target_layout == "step":
        trained_on, held_out = trained_on.of_one_length(), held_out.of_one_length()
    signals: Signals = {"input_scale": input_scale(trained_on.source)}
    with evaluating(training.model, training.device):
        first, second = (ProbePass.through(training, each.source) for each in (trained_on, held_out))
        walked = first
        if first.batch.lengths is not None:
            walked = ProbePass.through(training, of_one_length(first.batch))
        at_first = is_first(update, config.train.evaluate_every)
        with_states = at_first or is_last(update, config.train.max_updates)
        signals |= time_signals(walked, with_states=with_states) | signal_to_noise(first)
        if at_first:
            sees_future = bool(getattr(config.model, "bidirectional", False))
            signals |= leak_signals(walked, sees_future=sees_future)
        # The last, for it moves the weights and puts them back: what was passed before has no graph then.
        signals |= label_signals(
            Side(first, trained_on.judged, trained_on.are_apart),
            Side(second, held_out.judged, held_out.are_apart),
        )
    return to_host(signals)
