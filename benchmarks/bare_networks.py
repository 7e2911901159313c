"""Networks of the same sizes as ours, written with torch's own modules."""

from itertools import pairwise

import torch
from torch import Tensor, nn


class BareStack(nn.Module):
    """A multi-layer recurrent module of torch's, with a readout of its last step."""

    def __init__(self, recurrent: nn.RNNBase) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.readout = nn.Linear(recurrent.hidden_size * (1 + recurrent.bidirectional), 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return one number per sequence."""
        outputs: Tensor = self.readout(self.recurrent(inputs)[0][:, -1])
        return outputs


class BareConvolutions(nn.Module):
    """Dilated convolutions that preserve the number of steps, without residual connections."""

    def __init__(self, widths: list[int], kernel_size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, (below, above) in enumerate(pairwise(widths)):
            layers += [nn.Conv1d(below, above, kernel_size, dilation=2**index, padding="same"), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.readout = nn.Linear(widths[-1], 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return one number per sequence."""
        outputs: Tensor = self.readout(self.layers(inputs.transpose(1, 2))[..., -1])
        return outputs


class BareTransformer(nn.Module):
    """`nn.TransformerEncoder` between two linear layers, without positional encoding."""

    def __init__(self, input_size: int, size: int, heads: int, depth: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(size, heads, 4 * size, 0.0, batch_first=True, norm_first=True)
        self.embedding = nn.Linear(input_size, size)
        self.encoder = nn.TransformerEncoder(layer, depth, nn.LayerNorm(size), enable_nested_tensor=False)
        self.readout = nn.Linear(size, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return one number per sequence."""
        outputs: Tensor = self.readout(self.encoder(self.embedding(inputs))[:, -1])
        return outputs


class BareEncoderDecoder(nn.Module):
    """Two LSTMs: an encoder, and a decoder fed with zeros or with its own outputs."""

    def __init__(self, frame_size: int, hidden_size: int, num_steps: int, *, sees_own: bool) -> None:
        super().__init__()
        self.num_steps = num_steps
        self.sees_own = sees_own
        self.encoder = nn.LSTM(frame_size, hidden_size, batch_first=True)
        self.decoder = nn.LSTM(frame_size if sees_own else 1, hidden_size, batch_first=True)
        self.readout = nn.Linear(hidden_size, frame_size)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return `num_steps` frames."""
        _, state = self.encoder(inputs)
        if not self.sees_own:
            blank = inputs.new_zeros(len(inputs), self.num_steps, 1)
            outputs: Tensor = self.readout(self.decoder(blank, state)[0])
            return outputs
        frame = torch.zeros_like(inputs[:, :1])
        frames = []
        for _ in range(self.num_steps):
            states, state = self.decoder(frame, state)
            frame = self.readout(states)
            frames.append(frame)
        return torch.cat(frames, dim=1)


class BareFrameEncoderDecoder(nn.Module):
    """Two convolutions of stride 2, two LSTMs and two transposed convolutions, on single-channel frames."""

    def __init__(self, side: int, channels: int, hidden_size: int, num_steps: int) -> None:
        super().__init__()
        self.side = side
        features = 2 * channels * (side // 4) ** 2
        self.halving = nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.recurrent = BareEncoderDecoder(features, hidden_size, num_steps, sees_own=False)
        self.doubling = nn.Sequential(
            nn.ReLU(),
            nn.Unflatten(1, (2 * channels, side // 4, side // 4)),
            nn.ConvTranspose2d(2 * channels, channels, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Flatten(),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return `num_steps` frames."""
        features = self.halving(inputs.reshape(-1, 1, self.side, self.side))
        decoded = self.recurrent(features.view(*inputs.shape[:2], -1))
        frames: Tensor = self.doubling(decoded.flatten(0, 1))
        return frames.view(*decoded.shape[:2], -1)
