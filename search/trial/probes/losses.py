"""How the losses of the updates since the last evaluation went."""

from jaxtyping import Float
from torch import Tensor

from failmap.search.trial.probes.host import Signals


def loss_signals(losses: Float[Tensor, "updates"]) -> Signals:
    """Their first, their largest, and their standard deviation; tensors, on the device."""
    return {
        "loss_first": losses[0],
        "loss_max": losses.max(),
        "loss_spread": losses.std(correction=0),
    }
