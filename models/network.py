"""The interface of a network: inputs and outputs, and the trace of a pass."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn
from torch.nn import functional

from failmap.models.config import OutputLayout

#: Sequences of one length, or padded with zeros at their ends.
Inputs = Float[Tensor, "batch time features"]
#: The length of each padded sequence, on the host; None if there is no padding.
Lengths = Int64[Tensor, "batch"] | None


@dataclass(frozen=True)
class Interface:
    """Inputs and outputs of a network: all that it knows of a task.

    Attributes:
        input_size: Features of one time step.
        output_size: Numbers of one output.
        num_steps: Time steps of the longest input.
        layout: Position of outputs: one for a sequence, one at every step, or decoded after the input.
        decoded_steps: Steps of each sequence that is decoded; empty for the other layouts.
        frame_shape: Channels, height and width where the features of a step are a picture.
    """

    input_size: int
    output_size: int
    num_steps: int
    layout: OutputLayout = "sequence"
    decoded_steps: tuple[int, ...] = ()
    frame_shape: tuple[int, int, int] | None = None

    @property
    def num_blanks(self) -> int:
        """Number of blank steps after the input; the first decoded output is at the last input."""
        return max(sum(self.decoded_steps) - 1, 0)


class Teacher(NamedTuple):
    """The true sequences, for a decoder that may be given them in training.

    Attributes:
        targets: Targets of the batch, in the units of the inputs.
        progress: Share of the update budget that is spent, 0 to 1.
    """

    targets: Shaped[Tensor, "batch *label"]
    progress: float


class LayerTrace(NamedTuple):
    """Inputs, states and outputs of one layer in a pass.

    Attributes:
        name: As in `Network.parts()`.
        layer: The module; `gate_activations` knows those that have gates.
        inputs: Inputs of the layer.
        states: Its states: both directions of a bidirectional layer side by side; channels, height and
            width of a convolutional layer flattened.
        outputs: Inputs of the layer above, after norm and bypass if there are any.
        follows_inputs: Whether its steps are those of the network's input, and blank ones after it; a
            decoder's are not.
        hands_on_state: Whether its last state is passed to a decoder as well.
        is_bounded: Whether its states lie between -1 and 1.
    """

    name: str
    layer: nn.Module
    inputs: Float[Tensor, "batch time below"]
    states: Float[Tensor, "batch time hidden"]
    outputs: Float[Tensor, "batch time hidden"]
    follows_inputs: bool = True
    hands_on_state: bool = False
    is_bounded: bool = False


class Trace(NamedTuple):
    """Outputs of a pass through a network, and its layers from the bottom up."""

    outputs: Float[Tensor, "batch *label outputs"]
    layers: list[LayerTrace]


class Network(nn.Module, ABC):
    """A network with a given interface."""

    interface: Interface

    @abstractmethod
    def trace(self, inputs: Inputs, lengths: Lengths = None, teacher: Teacher | None = None) -> Trace:
        """Run one pass.

        Args:
            inputs: Sequences of one length, or padded with zeros at their ends.
            lengths: The length of each where they are padded; on the host.
            teacher: The true sequences, in training.

        Returns:
            Outputs (batch, outputs) for the layout `sequence`, of the last step of each; (batch, time,
            outputs) for `step`, where those of padding mean nothing; (batch, sum of decoded_steps, outputs)
            for `decoded`.
        """

    def forward(
        self, inputs: Inputs, lengths: Lengths = None, teacher: Teacher | None = None
    ) -> Float[Tensor, "batch *label outputs"]:
        """Return the outputs of one pass (see `trace`)."""
        return self.trace(inputs, lengths, teacher).outputs

    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """Return the layers by name, from the bottom up; the last one makes the outputs.

        Every parameter is in exactly one of them.
        """

    @abstractmethod
    def state_entries(self, num_steps: int) -> int:
        """Return about how many numbers a pass over one sequence keeps, to estimate memory."""

    def feed_back_through(self, predict: Callable[[Tensor], Tensor]) -> None:
        """Set how outputs become inputs again, for a decoder that reads its own.

        Args:
            predict: Maps outputs to predictions in the units of the inputs.
        """


class StackedNetwork(Network):
    """Layers, one above the other, and a readout."""

    layers: nn.ModuleList
    readout: nn.Module

    def parts(self) -> dict[str, nn.Module]:
        """Return the layers from the lowest up, each with all that belongs to it, and the readout."""
        layers = {f"layers.{index}": layer for index, layer in enumerate(self.layers)}
        return {**layers, "readout": self.readout}

    def with_blank_steps(self, inputs: Inputs) -> Float[Tensor, "batch longer features"]:
        """Append blank steps for the layout `decoded`: the first output is at the last input.

        One step in and many out is the network that Karpathy (2015) calls one-to-many.
        """
        num_blanks = self.interface.num_blanks
        return functional.pad(inputs, (0, 0, 0, num_blanks)) if num_blanks else inputs

    def states_to_read(
        self, states: Float[Tensor, "batch longer hidden"], lengths: Lengths
    ) -> Float[Tensor, "batch *label hidden"]:
        """Return the states that outputs are made from: all; the last of each sequence; or from there on.

        Args:
            states: At every step, blank ones included.
            lengths: Of the inputs.
        """
        layout, num_read = self.interface.layout, self.interface.num_blanks + 1
        if layout == "step":
            return states
        if lengths is None:
            read = states[:, -num_read:]
        else:
            steps = lengths[:, None] - 1 + torch.arange(num_read)
            read = states[torch.arange(len(states))[:, None], steps]
        return read if layout == "decoded" else read[:, 0]
