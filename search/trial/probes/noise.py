"""How much of a batch's gradient is signal, and how much noise."""

import torch

from search.trial.probes.host import Signals
from search.trial.probes.passes import ProbePass

#: Of signal to noise.
MAX_RATIO = 1e6


def signal_to_noise(one: ProbePass) -> Signals:
    """The energy of the mean gradient over that of the noise in it, from the two halves of a batch.

    With g and h the gradients of the halves: g.h over |g - h|^2 / 2, both without bias (McCandlish et al.
    2018, appendix A, for halves instead of single sequences). It says how much signal half a batch has;
    MAX_RATIO at most, for beyond that the noise is rounding.
    """
    middle = len(one.batch.inputs) // 2
    if middle == 0:
        return {}
    halves = [one.gradient(one.loss(part)) for part in (slice(middle), slice(middle, 2 * middle))]
    first, second = halves
    if first is None or second is None:
        return {}
    pairs = list(zip(first, second, strict=True))
    signal = torch.stack([torch.vdot(g.flatten(), h.flatten()) for g, h in pairs]).sum()
    noise = torch.stack([(g - h).square().sum() for g, h in pairs]).sum() / 2
    return {"gradient_snr": (signal / noise).clamp(max=MAX_RATIO).item()}
