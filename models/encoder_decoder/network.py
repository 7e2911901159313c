"""An encoder, and a decoder for each output sequence (Srivastava et al. 2015), of any layers."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from failmap.models.config import DecodingConfig
from failmap.models.encoder_decoder.decoder import Continued, Decoder, draw_shown
from failmap.models.encoder_decoder.stack import RecurrentStack, StackPass
from failmap.models.network import Inputs, Interface, LayerTrace, Lengths, Network, Teacher, Trace


class Blueprint(ABC):
    """Factory of the layers of an encoder-decoder.

    Attributes:
        state_shape: Shape of a recurrent layer's state at one step of one sequence.
    """

    state_shape: tuple[int, ...]

    @abstractmethod
    def frame_map(self, frame_size: int) -> tuple[nn.Module, tuple[int, ...]]:
        """Build a map from frames (batch, time, frame_size) to features; return it and their shape at a step.

        Raises ValueError if this network can see no frames of that size.
        """

    @abstractmethod
    def layer(self, below: int) -> nn.Module:
        """Build a recurrent layer on so many units or channels, with the interface of `nn.LSTM`."""

    @abstractmethod
    def readout(self) -> nn.Module:
        """Build a map from states (batch, time, *state_shape) to outputs (batch, time, outputs)."""


class DecodingNetwork(Network):
    """Reads a sequence, then generates others: each decoder starts from the encoder's last states.

    Decoders share no weights. The one for the layout `sequence` runs a single step and sees nothing. What a
    decoder sees are outputs, whatever the inputs are, so it has its own map from them to its lowest layer. A
    decoder that sees nothing has no such map, and its lowest layer's weights on inputs do not train.

    Args:
        config: Depth, dropout, and what decoders see.
        interface: Inputs and outputs.
        blueprint: Builds the layers.
    """

    def __init__(self, config: DecodingConfig, interface: Interface, blueprint: Blueprint) -> None:
        super().__init__()
        self.config = config
        self.interface = interface
        self.decoded_steps = interface.decoded_steps or (1,)
        self.predict: Callable[[Tensor], Tensor] = lambda outputs: outputs
        self.frame_map, features_shape = blueprint.frame_map(interface.input_size)
        self.encoder = RecurrentStack(self._layers(blueprint, features_shape[0]), config.dropout)
        self.decoders = nn.ModuleList(
            self._decoder(blueprint, (1, *features_shape[1:]), num_steps) for num_steps in self.decoded_steps
        )
        self._num_state_entries = math.prod(blueprint.state_shape)
        self._num_features = math.prod(features_shape)

    def trace(self, inputs: Inputs, lengths: Lengths = None, teacher: Teacher | None = None) -> Trace:
        """Run one pass. A teacher is used only in training, and only if decoder_input is `teacher`."""
        read = self.encoder(self.frame_map(inputs), lengths=lengths)
        layers = list(_traced("encoder", self.encoder, read))
        start = inputs.new_zeros(len(inputs), 1, self.interface.output_size)
        outputs: list[Tensor] = []
        true_share, truths = self._taught(teacher)
        for (name, decoder), truth in zip(self._named_decoders(), truths, strict=True):
            shown = draw_shown(true_share, decoder.num_steps)
            frames, passed = decoder(read.final, start, self.predict, truth, shown)
            outputs.append(frames)
            layers += _traced(name, decoder.stack, passed)
        decoded = torch.cat(outputs, dim=1)
        return Trace(decoded[:, 0] if self.interface.layout == "sequence" else decoded, layers)

    def parts(self) -> dict[str, nn.Module]:
        """Return frame maps, recurrent layers of each side, and the readouts of all decoders together."""
        parts: dict[str, nn.Module] = {"frame_map": self.frame_map}
        parts |= _named_layers("encoder", self.encoder)
        for name, decoder in self._named_decoders():
            if decoder.frame_map is not None:
                parts[f"{name}.frame_map"] = decoder.frame_map
            parts |= _named_layers(name, decoder.stack)
        parts["readouts"] = nn.ModuleList(decoder.readout for _, decoder in self._named_decoders())
        return {name: part for name, part in parts.items() if any(True for _ in part.parameters())}

    def state_entries(self, num_steps: int) -> int:
        """Return the size of features, states of all layers, four gates of one of them, and outputs."""
        num_decoded = sum(self.decoded_steps)
        at_one_step = self._num_features + (self.config.depth + 4) * self._num_state_entries
        return (num_steps + num_decoded) * at_one_step + num_decoded * self.interface.output_size

    def feed_back_through(self, predict: Callable[[Tensor], Tensor]) -> None:
        """Set how a decoder's outputs become the frames that it reads; by default unchanged."""
        self.predict = predict

    def _named_decoders(self) -> Iterator[tuple[str, Decoder]]:
        for index, decoder in enumerate(self.decoders):
            assert isinstance(decoder, Decoder)
            yield f"decoders.{index}", decoder

    def _layers(self, blueprint: Blueprint, num_features: int) -> list[nn.Module]:
        below = [num_features, *[blueprint.state_shape[0]] * (self.config.depth - 1)]
        return [blueprint.layer(width) for width in below]

    def _decoder(self, blueprint: Blueprint, blind_shape: tuple[int, ...], num_steps: int) -> Decoder:
        frame_map: nn.Module | None = None
        if self.config.decoder_input != "zero" and num_steps > 1:
            frame_map, seen_shape = blueprint.frame_map(self.interface.output_size)
            layers = self._layers(blueprint, seen_shape[0])
        else:
            layers = self._layers(blueprint, blind_shape[0])
            layers[0].get_parameter("weight_ih_l0").requires_grad_(False)
        stack = RecurrentStack(map(Continued, layers), self.config.dropout)
        return Decoder(frame_map, stack, blueprint.readout(), blind_shape, num_steps)

    def _taught(
        self, teacher: Teacher | None
    ) -> tuple[float, list[Float[Tensor, "batch _ outputs"]] | list[None]]:
        """Return the share of true frames that decoders are given in this pass, and the frames of each."""
        config, output_size = self.config, self.interface.output_size
        if not self.training or teacher is None or config.decoder_input != "teacher":
            return 0.0, [None] * len(self.decoders)
        share = config.true_share + (config.final_true_share - config.true_share) * teacher.progress
        targets = teacher.targets
        if not targets.is_floating_point():
            targets = functional.one_hot(targets, output_size).float()
        frames = targets.reshape(len(targets), -1, output_size)
        return share, list(frames.split(self.decoded_steps, dim=1))


def _named_layers(side: str, stack: RecurrentStack) -> dict[str, nn.Module]:
    return {f"{side}.{index}": layer for index, layer in enumerate(stack.layers)}


def _traced(side: str, stack: RecurrentStack, passed: StackPass) -> Iterator[LayerTrace]:
    """Yield the trace of each layer of a side, with maps flattened; all states are bounded."""
    is_encoder = side == "encoder"
    layers = _named_layers(side, stack).items()
    for (name, layer), below, above in zip(layers, passed.inputs, passed.states, strict=True):
        states = above.flatten(2)
        yield LayerTrace(
            name,
            layer,
            below.flatten(2),
            states,
            states,
            follows_inputs=is_encoder,
            hands_on_state=is_encoder,
            is_bounded=True,
        )
