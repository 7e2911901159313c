"""One recurrent layer on torch's own kernel, with dropout, norm and bypass."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from failmap.models.config import RecurrentConfig, RNNConfig
from failmap.models.gates import KINDS
from failmap.models.network import Lengths
from failmap.models.variational import draw_masks, step_by_step

#: A highway gate begins by letting mostly what came in pass (Srivastava et al. 2015).
HIGHWAY_BIAS = -1.0


class LayerPass(NamedTuple):
    """Inputs and states of a layer's recurrence, and the outputs of the layer."""

    inputs: Float[Tensor, "batch time below"]
    states: Float[Tensor, "batch time hidden"]
    outputs: Float[Tensor, "batch time hidden"]


class RecurrentLayer(nn.Module):
    """A recurrence, a norm of its states, and a bypass of both.

    With z = norm(recurrence(dropout(x))), it passes on

        z                                                   plain,
        x + z                                               residual (He et al. 2016),
        g z + (1 - g) x,  g = sigmoid(W x + b)              highway (Srivastava et al. 2015).

    The bypass is neither dropped nor normalised, so that a path from top to bottom stays the identity:
    dropout as in GNMT's residual stack (Wu et al. 2016), the norm as in res-post-norm (Liu et al. 2022).

    Args:
        config: Kind, norm, bypass and dropout.
        input_size: Features of one step.
        hidden_size: Units of each direction.
        is_lowest: The layer that sees the inputs has neither bypass nor dropout.
    """

    def __init__(
        self, config: RecurrentConfig, input_size: int, hidden_size: int, *, is_lowest: bool
    ) -> None:
        super().__init__()
        width = hidden_size * (1 + config.bidirectional)
        self.dropout = nn.Dropout(0.0 if is_lowest else config.dropout)
        self.recurrence = build_recurrence(config, input_size, hidden_size)
        self.norm = _build_norm(config, width)
        self.is_residual = config.residual and not is_lowest
        self.highway_gate = nn.Linear(width, width) if config.highway and not is_lowest else None
        if self.highway_gate is not None:
            nn.init.constant_(self.highway_gate.bias, HIGHWAY_BIAS)
        self.variational_dropout = config.variational_dropout
        self.is_frozen = False

    def forward(self, below: Float[Tensor, "batch time below"], lengths: Lengths = None) -> LayerPass:
        """Run one pass over sequences of one length, or padded at their ends to it."""
        inputs = self.dropout(below)
        states = self._states(inputs, lengths)
        outputs = states if self.norm is None else _normalised(self.norm, states, lengths)
        if self.is_residual:
            outputs = below + outputs
        elif self.highway_gate is not None:
            outputs = torch.lerp(below, outputs, torch.sigmoid(self.highway_gate(below)))
        return LayerPass(inputs, states, outputs)

    def freeze(self) -> None:
        """Freeze the parameters and the statistics of the norm."""
        self.requires_grad_(False)
        self.is_frozen = True
        self.train(self.training)

    def train(self, mode: bool = True) -> "RecurrentLayer":
        """Turn training mode on or off; a frozen norm stays in evaluation mode.

        The recurrence does not: on a GPU its kernel has gradients for its inputs in training mode only.
        """
        super().train(mode)
        if self.is_frozen and self.norm is not None:
            self.norm.eval()
        return self

    def _states(
        self, inputs: Float[Tensor, "batch time below"], lengths: Lengths
    ) -> Float[Tensor, "batch time hidden"]:
        """Return the recurrence's states at every step, by the fused kernel wherever possible."""
        recurrence = self.recurrence
        if self.training and self.variational_dropout > 0:
            masks = draw_masks(recurrence, inputs, self.variational_dropout)
            return step_by_step(recurrence, inputs, lengths, masks)
        if lengths is None or not recurrence.bidirectional:
            # Padding is at the end, so it has no effect on the steps before it.
            states: Tensor = recurrence(inputs)[0]
            return states
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(recurrence(packed)[0], batch_first=True, total_length=inputs.shape[1])
        return states


def build_recurrence(config: RecurrentConfig, input_size: int, hidden_size: int) -> nn.RNNBase:
    """Build one of torch's own layers, batch first."""
    options: dict[str, Any] = {"batch_first": True, "bidirectional": config.bidirectional}
    if isinstance(config, RNNConfig):
        options["nonlinearity"] = config.nonlinearity
    return KINDS[config.recurrence](input_size, hidden_size, **options)


def _build_norm(config: RecurrentConfig, width: int) -> nn.LayerNorm | nn.BatchNorm1d | None:
    if config.layer_norm:
        return nn.LayerNorm(width)
    if config.batch_norm:
        return nn.BatchNorm1d(width)
    return None


def _normalised(
    norm: nn.Module, states: Float[Tensor, "batch time hidden"], lengths: Lengths
) -> Float[Tensor, "batch time hidden"]:
    """Normalise each step as one example: statistics are over batch and time, without padding."""
    flat = states.flatten(0, 1)
    if lengths is None:
        normalised: Tensor = norm(flat).view_as(states)
        return normalised
    is_inside = (torch.arange(states.shape[1]) < lengths[:, None]).flatten()
    rows = is_inside.nonzero().squeeze(1).to(states.device)
    return torch.zeros_like(flat).index_copy(0, rows, norm(flat[rows])).view_as(states)
