"""What each network may be asked for. Knows no torch, so that a mistake is told within a second."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class RecurrentConfig(BaseModel):
    """A stack of recurrent layers of one width, and a linear readout."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    depth: int = Field(default=1, ge=1, le=100, description="recurrent layers, one above the other")
    hidden_size: int = Field(default=32, ge=1, le=65_536, description="units of each layer")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout between layers, in training only")


class RNNConfig(RecurrentConfig):
    """Elman's network: h_t = f(W x_t + U h_{t-1} + b)."""

    name: Literal["rnn"] = "rnn"
    nonlinearity: Literal["tanh", "relu"] = Field(default="tanh", description="f in the equation of a step")


class GRUConfig(RecurrentConfig):
    """Gated recurrent units (Cho et al. 2014), as torch.nn.GRU has them."""

    name: Literal["gru"] = "gru"


class LSTMConfig(RecurrentConfig):
    """Long short-term memory with forget gates (Gers et al. 2000), as torch.nn.LSTM has it."""

    name: Literal["lstm"] = "lstm"
    forget_bias: float | None = Field(
        default=None, description="what the forget gate's two biases add up to; none: torch's uniform default"
    )


#: Every network by its name.
MODEL_CONFIGS: dict[str, type[RecurrentConfig]] = {"rnn": RNNConfig, "gru": GRUConfig, "lstm": LSTMConfig}

AnyModelConfig = Annotated[RNNConfig | GRUConfig | LSTMConfig, Field(discriminator="name")]
