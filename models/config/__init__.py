"""Settings of each network, and the table of networks.

Nothing here imports torch, so that a mistake in a configuration is reported within a second.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Field, Tag

from failmap.models.config.base import Kind, Layer, NetworkConfig, OutputLayout, Recurrence, SequenceShape
from failmap.models.config.controls import AttentionConfig, ConvolutionConfig, MLPConfig
from failmap.models.config.encoder_decoder import (
    CnnLSTMConfig,
    ConvLSTMConfig,
    DecodingConfig,
    EncoderDecoderConfig,
)
from failmap.models.config.own import OwnModelConfig
from failmap.models.config.recurrent import GRUConfig, LSTMConfig, RecurrentConfig, RNNConfig
from failmap.run_folder.own_code import is_reference

#: The settings of each network, and the class that they build (see `failmap.models.build_model`).
MODELS: dict[str, tuple[type[NetworkConfig], str]] = {
    "rnn": (RNNConfig, "failmap.models.recurrent:RecurrentNetwork"),
    "gru": (GRUConfig, "failmap.models.recurrent:RecurrentNetwork"),
    "lstm": (LSTMConfig, "failmap.models.recurrent:RecurrentNetwork"),
    "encoder_decoder": (EncoderDecoderConfig, "failmap.models.encoder_decoder.linear:EncoderDecoder"),
    "cnn_lstm": (CnnLSTMConfig, "failmap.models.encoder_decoder.frames:CnnLSTM"),
    "conv_lstm": (ConvLSTMConfig, "failmap.models.encoder_decoder.frames:ConvLSTM"),
    "mlp": (MLPConfig, "failmap.models.controls:MLP"),
    "convolution": (ConvolutionConfig, "failmap.models.controls:ConvolutionNetwork"),
    "attention": (AttentionConfig, "failmap.models.controls:AttentionNetwork"),
}
#: The same for a class of the user's, whose name is FILE.py:NAME.
OWN_MODEL: tuple[type[OwnModelConfig], str] = (OwnModelConfig, "failmap.models.own:OwnNetwork")
MODEL_CONFIGS: dict[str, type[NetworkConfig]] = {name: config for name, (config, _) in MODELS.items()}


def _origin(values: Any) -> str:
    """Return whether a network is shipped or the user's own, of its settings in any form."""
    name = values.get("name") if isinstance(values, dict) else getattr(values, "name", None)
    return "own" if isinstance(name, str) and is_reference(name) else "shipped"


if TYPE_CHECKING:
    AnyModelConfig = NetworkConfig
else:
    _Shipped = Annotated[reduce(or_, MODEL_CONFIGS.values()), Field(discriminator="name")]
    AnyModelConfig = Annotated[
        Annotated[_Shipped, Tag("shipped")] | Annotated[OwnModelConfig, Tag("own")], Discriminator(_origin)
    ]

__all__ = [
    "MODELS",
    "MODEL_CONFIGS",
    "OWN_MODEL",
    "AnyModelConfig",
    "AttentionConfig",
    "CnnLSTMConfig",
    "ConvLSTMConfig",
    "ConvolutionConfig",
    "DecodingConfig",
    "EncoderDecoderConfig",
    "GRUConfig",
    "Kind",
    "LSTMConfig",
    "Layer",
    "MLPConfig",
    "NetworkConfig",
    "OutputLayout",
    "OwnModelConfig",
    "RNNConfig",
    "Recurrence",
    "RecurrentConfig",
    "SequenceShape",
]
