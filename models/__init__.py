"""Networks, which import neither tasks nor training."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from failmap.models.config import NetworkConfig
    from failmap.models.network import Interface, Network


def build_model(config: "NetworkConfig", interface: "Interface") -> "Network":
    """Build the network of a configuration on the CPU, initialized from torch's global generator."""
    from failmap.models.config import MODELS, OWN_MODEL

    # Imported here because it needs torch.
    module, _, name = MODELS.get(config.name, OWN_MODEL)[1].partition(":")
    network: Network = getattr(import_module(module), name)(config, interface)
    return network
