"""Networks. They know neither tasks nor training."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from failmap.models.config import NetworkConfig
    from failmap.models.network import Interface, Network

#: The module and class of each network; imported when it is built, for they bring torch along.
MODELS = {
    "rnn": ("failmap.models.recurrent", "RecurrentNetwork"),
    "gru": ("failmap.models.recurrent", "RecurrentNetwork"),
    "lstm": ("failmap.models.recurrent", "RecurrentNetwork"),
    "encoder_decoder": ("failmap.models.encoder_decoder.linear", "EncoderDecoder"),
    "cnn_lstm": ("failmap.models.encoder_decoder.cnn_lstm", "CnnLSTM"),
    "conv_lstm": ("failmap.models.encoder_decoder.conv_lstm", "ConvLSTM"),
    "mlp": ("failmap.models.mlp", "MLP"),
    "convolution": ("failmap.models.convolution", "ConvolutionNetwork"),
    "attention": ("failmap.models.attention", "AttentionNetwork"),
}


def build_model(config: "NetworkConfig", interface: "Interface") -> "Network":
    """The network that a configuration names, initialized from torch's global generator, on the CPU."""
    module, name = MODELS[config.name]
    network: Network = getattr(import_module(module), name)(config, interface)
    return network
