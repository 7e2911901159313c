"""Settings of the controls: networks without recurrence, to separate hard tasks from failing recurrence."""

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from failmap.models.config.base import Layer, NetworkConfig, OutputLayout, SequenceShape


class MLPConfig(NetworkConfig):
    """Linear layers and ReLU on the flattened sequence; no output at every step, since it sees all steps."""

    layouts: ClassVar[tuple[OutputLayout, ...]] = ("sequence", "decoded")

    name: Literal["mlp"] = "mlp"

    def layers(self, shape: SequenceShape) -> Iterator[Layer]:
        """Yield linear layers; a shorter sequence is padded, so it costs as much as the longest."""
        widths = [shape.num_steps * shape.num_features, *[self.hidden_size] * self.depth]
        for below, above in pairwise(widths):
            yield Layer("linear", 1, above, below * above)


class ConvolutionConfig(NetworkConfig):
    """Causal convolutions whose dilation doubles from layer to layer, with residuals (Bai et al. 2018)."""

    name: Literal["convolution"] = "convolution"
    kernel_size: int = Field(default=3, ge=2, le=64, description="steps that one convolution sees")

    def layers(self, shape: SequenceShape) -> Iterator[Layer]:
        """Yield the convolutions."""
        widths = [shape.num_features, *[self.hidden_size] * self.depth]
        for below, above in pairwise(widths):
            yield Layer("convolution", shape.num_read_and_decoded, above, below * above * self.kernel_size)


class AttentionConfig(NetworkConfig):
    """A small Transformer encoder (Vaswani et al. 2017), causal where there is an output at every step."""

    name: Literal["attention"] = "attention"
    heads: int = Field(default=4, ge=1, le=64, description="attention heads of each layer")

    def layers(self, shape: SequenceShape) -> Iterator[Layer]:
        """Yield Transformer layers: 12 width^2 products in matrices, and the attention over all steps."""
        steps, width = shape.num_read_and_decoded, self.hidden_size
        for _ in range(self.depth):
            yield Layer("attention", steps, width, 12 * width * width + 2 * steps * width)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "AttentionConfig":
        if self.hidden_size % self.heads:
            raise ValueError(
                f"model.hidden_size={self.hidden_size} is no multiple of model.heads={self.heads}"
            )
        return self
