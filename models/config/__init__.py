"""Settings of each network, and the table of networks.

Nothing here imports torch, so that a mistake in a configuration is reported within a second.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from failmap.models.config.base import Kind, Layer, NetworkConfig, OutputLayout, Recurrence, SequenceShape
from failmap.models.config.controls import AttentionConfig, ConvolutionConfig, MLPConfig
from failmap.models.config.encoder_decoder import (
    CnnLSTMConfig,
    ConvLSTMConfig,
    DecodingConfig,
    EncoderDecoderConfig,
)
from failmap.models.config.recurrent import GRUConfig, LSTMConfig, RecurrentConfig, RNNConfig

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
MODEL_CONFIGS: dict[str, type[NetworkConfig]] = {name: config for name, (config, _) in MODELS.items()}

if TYPE_CHECKING:
    AnyModelConfig = NetworkConfig
else:
    AnyModelConfig = Annotated[reduce(or_, MODEL_CONFIGS.values()), Field(discriminator="name")]

__all__ = [
    "MODELS",
    "MODEL_CONFIGS",
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
    "RNNConfig",
    "Recurrence",
    "RecurrentConfig",
    "SequenceShape",
]
