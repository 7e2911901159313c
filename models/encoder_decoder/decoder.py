"""A decoder, which generates a sequence from the encoder's last states and the frames it is given."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from failmap.models.encoder_decoder.stack import RecurrentStack, StackPass, State, joined


def single_step(
    layer: nn.Module, inputs: Float[Tensor, "batch 1 *below"], initial: State
) -> tuple[Float[Tensor, "batch 1 *hidden"], State]:
    """Return `layer(inputs, initial)`, for torch's layers by the kernel of a cell.

    On a CPU that is about twice as fast as a sequence of length one.

    Args:
        layer: Called as `nn.LSTM` with batch_first is; one layer, one direction, and tanh in an `nn.RNN`.
        inputs: Inputs of one step.
        initial: The state before it, in the layer's own form.
    """
    below = inputs[:, 0]
    if isinstance(layer, nn.LSTM):
        hidden, cell = torch.lstm_cell(below, [part[0] for part in initial], *layer.parameters())
        return hidden[:, None], (hidden[None], cell[None])
    if isinstance(layer, nn.GRU | nn.RNN):
        run = torch.gru_cell if isinstance(layer, nn.GRU) else torch.rnn_tanh_cell
        hidden = run(below, initial[0], *layer.parameters())
        return hidden[:, None], hidden[None]
    states, final = layer(inputs, initial)
    return states, final


class Continued(nn.Module):
    """A recurrent layer that continues from a given state.

    It is a type of its own because `gate_activations` assumes a state of zero before the first step.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor, initial: State) -> tuple[Tensor, State]:
        """Return the layer's states at every step, and its final one."""
        if inputs.shape[1] == 1:
            return single_step(self.layer, inputs, initial)
        states, final = self.layer(inputs, initial)
        return states, final


class Decoder(nn.Module):
    """Recurrent layers that continue from the encoder's last states, with one frame at each step.

    The first step sees a frame of zeros, as in the program of Srivastava et al. (2015). The last input frame
    would be the whole answer for a decoder that reconstructs in reverse order.

    Args:
        frame_map: From frames (batch, time, outputs) to what the lowest layer sees; None: it sees nothing.
        stack: The recurrent layers.
        readout: From the states of the highest (batch, time, *hidden) to frames (batch, time, outputs).
        blind_shape: Shape of the zeros that the lowest layer is given at a step if it sees nothing.
        num_steps: Frames to generate.
    """

    def __init__(
        self,
        frame_map: nn.Module | None,
        stack: RecurrentStack,
        readout: nn.Module,
        blind_shape: tuple[int, ...],
        num_steps: int,
    ) -> None:
        super().__init__()
        self.frame_map = frame_map
        self.stack = stack
        self.readout = readout
        self.blind_shape = blind_shape
        self.num_steps = num_steps

    def forward(
        self,
        initial: list[State],
        start: Float[Tensor, "batch 1 outputs"],
        predict: Callable[[Tensor], Tensor],
        truth: Float[Tensor, "batch time outputs"] | None,
        shown: Sequence[bool],
    ) -> tuple[Float[Tensor, "batch time outputs"], StackPass]:
        """Return the generated frames, and the pass through the layers.

        Args:
            initial: The state that each layer starts from.
            start: The frame that the first step sees.
            predict: From outputs to the predictions that it sees as frames; gradients flow through it.
            truth: The true frames; None: unknown.
            shown: For each step but the first, whether it sees the true frame of the step before, or the
                generated one.
        """
        if self.frame_map is None:
            nothing = start.new_zeros(len(start), self.num_steps, *self.blind_shape)
            passed = self.stack(nothing, initial)
            return self.readout(passed.states[-1]), passed
        outputs: list[Tensor] = []
        passes = []
        frames, states = start, initial
        for begin, end in stretches(shown):
            if outputs:
                frames = predict(outputs[-1][:, -1:]).reshape(start.shape)
            if end - begin > 1:
                assert truth is not None, "unknown frames cannot be shown"
                frames = torch.cat([frames, truth[:, begin : end - 1]], dim=1)
            passed = self.stack(self.frame_map(frames), states)
            outputs.append(self.readout(passed.states[-1]))
            passes.append(passed)
            states = passed.final
        return torch.cat(outputs, dim=1), joined(passes)


def stretches(shown: Sequence[bool]) -> list[tuple[int, int]]:
    """Return begin and end of the longest stretches of steps that one call of a kernel can compute.

    A stretch begins where a decoder sees its own output, which must be computed first, and reaches as far as
    true frames are shown, which are known beforehand. So a decoder that is shown all true frames needs one
    stretch, and one that is shown none needs one for each step.
    """
    begins = [0, *(step for step, is_true in enumerate(shown, start=1) if not is_true)]
    return list(pairwise([*begins, len(shown) + 1]))


def draw_shown(true_share: float, num_steps: int) -> list[bool]:
    """Draw for each step but the first whether it is given the true frame (Bengio et al. 2015).

    Drawn from torch's generator of the CPU, so that no device waits. Nothing is drawn if the share is 0 or 1.
    """
    if not 0 < true_share < 1:
        return [true_share >= 1] * (num_steps - 1)
    coins: list[bool] = (torch.rand(num_steps - 1) < true_share).tolist()
    return coins
