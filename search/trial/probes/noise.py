"""How much of a batch's gradient is signal, and how much noise."""

import torch

from failmap.search.trial.probes.host import Signals
from failmap.search.trial.probes.passes import ProbePass

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
