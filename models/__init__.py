"""Networks. They know neither tasks nor training."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.config import RecurrentConfig
    from models.recurrent import RecurrentNetwork


def build_model(
    config: "RecurrentConfig", input_size: int, output_size: int, *, every_step: bool
) -> "RecurrentNetwork":
    """The network that a configuration names, initialized from torch's global generator, on the CPU."""
    from models.recurrent import RecurrentNetwork

    return RecurrentNetwork(config, input_size, output_size, every_step=every_step)
