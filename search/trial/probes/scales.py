"""Whether inputs have a size that units respond to."""

import torch

from failmap.datasets.task import Batch
from failmap.search.trial.probes.host import Signals


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
