"""What each network may be asked for. Knows no torch, so that a mistake is told within a second."""

from typing import Annotated

from pydantic import Field

from failmap.models.config.base import NetworkConfig, OutputLayout
from failmap.models.config.controls import AttentionConfig, ConvolutionConfig, MLPConfig
from failmap.models.config.encoder_decoder import (
    CnnLSTMConfig,
    ConvLSTMConfig,
    DecodingConfig,
    EncoderDecoderConfig,
    Recurrence,
)
from failmap.models.config.recurrent import GRUConfig, LSTMConfig, RecurrentConfig, RNNConfig

#: Every network by its name.
MODEL_CONFIGS: dict[str, type[NetworkConfig]] = {
    "rnn": RNNConfig,
    "gru": GRUConfig,
    "lstm": LSTMConfig,
    "encoder_decoder": EncoderDecoderConfig,
    "cnn_lstm": CnnLSTMConfig,
    "conv_lstm": ConvLSTMConfig,
    "mlp": MLPConfig,
    "convolution": ConvolutionConfig,
    "attention": AttentionConfig,
}

AnyModelConfig = Annotated[
    RNNConfig
    | GRUConfig
    | LSTMConfig
    | EncoderDecoderConfig
    | CnnLSTMConfig
    | ConvLSTMConfig
    | MLPConfig
    | ConvolutionConfig
    | AttentionConfig,
    Field(discriminator="name"),
]

__all__ = [
    "MODEL_CONFIGS",
    "AnyModelConfig",
    "AttentionConfig",
    "CnnLSTMConfig",
    "ConvLSTMConfig",
    "ConvolutionConfig",
    "DecodingConfig",
    "EncoderDecoderConfig",
    "GRUConfig",
    "LSTMConfig",
    "MLPConfig",
    "NetworkConfig",
    "OutputLayout",
    "RNNConfig",
    "Recurrence",
    "RecurrentConfig",
]
