"""Settings of the user's own network. No torch here."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from failmap.models.config.base import Layer, NetworkConfig, OutputLayout, SequenceShape
from failmap.run_folder.own_arguments import Arguments, OwnArguments

#: Units of the LSTM whose cost stands for the own network's until its first trials have been timed.
_NOMINAL_UNITS = 64


class OwnModelConfig(NetworkConfig):
    """An own `nn.Module`, called as `Net(input_size, output_size, **args)` (docs/own_models.md).

    What the shipped networks have in common is unknown here: sizes are among `args`, if anywhere.
    """

    layouts: ClassVar[tuple[OutputLayout, ...]] = ("sequence", "step")
    depth: ClassVar[int] = 1  # type: ignore[misc]
    hidden_size: ClassVar[int] = 0  # type: ignore[misc]
    dropout: ClassVar[float] = 0.0  # type: ignore[misc]

    name: str = Field(pattern=r"^[^:]+\.py:[A-Za-z_]\w*$", description="the class, as FILE.py:NAME")
    args: OwnArguments = Field(
        default=Arguments(), description="what the class is called with besides the sizes, by any name"
    )

    def layers(self, shape: SequenceShape) -> Iterator[Layer]:
        """Yield an LSTM of medium size, since only training shows what own code costs."""
        products = 4 * _NOMINAL_UNITS * (shape.num_features + _NOMINAL_UNITS)
        yield Layer("lstm", shape.num_read, _NOMINAL_UNITS, products)

    @property
    def draws_randomly(self) -> bool:
        """True: own code may draw random numbers in training, so they are seeded."""
        return True
