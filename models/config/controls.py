"""What the controls may be asked for: networks without recurrence, to tell a hard task from a failing one."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from failmap.models.config.base import NetworkConfig, OutputLayout


class MLPConfig(NetworkConfig):
    """Linear layers and ReLU on the flattened sequence; no output at every step, for it sees all of them."""

    layouts: ClassVar[tuple[OutputLayout, ...]] = ("sequence", "decoded")

    name: Literal["mlp"] = "mlp"


class ConvolutionConfig(NetworkConfig):
    """Causal convolutions whose dilation doubles from layer to layer, with residuals (Bai et al. 2018)."""

    name: Literal["convolution"] = "convolution"
    kernel_size: int = Field(default=3, ge=2, le=64, description="steps that one convolution sees")


class AttentionConfig(NetworkConfig):
    """A small Transformer encoder (Vaswani et al. 2017), causal where outputs stand at every step."""

    name: Literal["attention"] = "attention"
    heads: int = Field(default=4, ge=1, le=64, description="attention heads of each layer")

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "AttentionConfig":
        if self.hidden_size % self.heads:
            raise ValueError(
                f"model.hidden_size={self.hidden_size} is no multiple of model.heads={self.heads}"
            )
        return self
