"""An output head: the range of its outputs, the mapping of its targets, and the loss between the two."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor
from torch.nn import functional

from failmap.datasets.config import TargetKind
from failmap.datasets.task import Task
from failmap.search.trial.config import NATURAL_LOSS, Activation, Loss, OutputConfig

#: How far a scaled activation extends beyond the targets on each side, relative to their range.
MARGIN = 0.1
#: Probabilities are clamped this far from 0 and 1 before taking logarithms: at most 16.1 nats per label.
LEAST_PROBABILITY = 1e-7
#: Targets this close beyond 0 or 1 are there by rounding.
_ROUNDING = 1e-6

_ELEMENTWISE: dict[str, Callable[..., Tensor]] = {
    "mse": functional.mse_loss,
    "huber": functional.huber_loss,
    "bce": functional.binary_cross_entropy,
    "bce_with_logits": functional.binary_cross_entropy_with_logits,
}


@dataclass(frozen=True)
class Head:
    """Activation, target mapping and loss for one task.

    A target y is mapped to scale * y + offset. Classes are used directly by cross-entropy, and as 0 or 1 for
    each class by every other loss.

    Attributes:
        activation, loss: Their names in the configuration.
        kind: The kind of the targets.
        size: Outputs per label: classes of a category, pixels of a frame, 1 otherwise.
        scale, offset: Of the target mapping.
        low, high: The least and the largest mapped target.
    """

    activation: Activation
    loss: Loss
    kind: TargetKind
    size: int
    scale: float
    offset: float
    low: float
    high: float

    @classmethod
    def of(cls, output: OutputConfig, task: Task) -> "Head":
        """Build the head that a configuration describes for a task."""
        kind = task.config.target_kind
        low, high = (0.0, 1.0) if kind == "category" else task.target_range
        mean, deviation = task.target_moments
        match output.target_range:
            case "task":
                scale, offset = 1.0, 0.0
            case "zero_one":
                scale, offset = 1 / (high - low), -low / (high - low)
            case "minus_one_one":
                scale, offset = 2 / (high - low), -(high + low) / (high - low)
            case "standardised":
                scale, offset = 1 / deviation, -mean / deviation
        return cls(
            activation=output.activation,
            loss=output.loss or NATURAL_LOSS[kind],
            kind=kind,
            size=task.output_size,
            scale=scale,
            offset=offset,
            low=low * scale + offset,
            high=high * scale + offset,
        )

    def trained_moments(self, moments: tuple[float, float]) -> tuple[float, float]:
        """Return mean and standard deviation of mapped targets from those of the targets; NaN for classes."""
        if self.kind == "category":
            return math.nan, math.nan
        return moments[0] * self.scale + self.offset, moments[1] * abs(self.scale)

    @property
    def is_natural(self) -> bool:
        """Whether this is the natural loss of unmapped targets, all of which are reachable."""
        if (self.scale, self.offset) != (1.0, 0.0):
            return False
        if (self.activation, self.loss) == ("sigmoid", "bce"):
            return NATURAL_LOSS[self.kind] == "bce_with_logits"
        return self.activation == "none" and self.loss == NATURAL_LOSS[self.kind]

    def activated(self, raw: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Apply the activation, which is monotone, to raw outputs."""
        match self.activation:
            case "none":
                return raw
            case "sigmoid":
                return torch.sigmoid(raw)
            case "tanh":
                return torch.tanh(raw)
            case "scaled":
                beyond = MARGIN * (self.high - self.low)
                low, high = self.low - beyond, self.high + beyond
                return low + (high - low) * torch.sigmoid(raw)

    def interval(self, reach: tuple[float, float] | None = None) -> tuple[float, float]:
        """Return the least and the largest activated output.

        Args:
            reach: The least and the largest raw output; None for any number.
        """
        ends = torch.tensor(reach or (-math.inf, math.inf), dtype=torch.float64)
        low, high = self.activated(ends).tolist()
        return low, high

    def wanted(self, targets: Shaped[Tensor, "*label"]) -> Float[Tensor, "*wanted"]:
        """Return what activated outputs are compared with: mapped targets, or 0 and 1 for each class.

        Cross-entropy takes class numbers instead.
        """
        if self.kind == "category":
            return functional.one_hot(targets, self.size).float()
        wanted = targets * self.scale + self.offset
        # torch rejects targets outside 0..1, which rounding or a range taken from other data can produce.
        return wanted.clamp(0, 1) if self.loss == "bce" else wanted

    def mean_loss(
        self,
        outputs: Float[Tensor, "*label outputs"],
        targets: Shaped[Tensor, "*target"],
        class_weights: Float[Tensor, "classes"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return the training loss, averaged over labels and over the classes or pixels of each.

        With weights of classes each label's loss is multiplied by that of its class, as in Keras. torch also
        divides by the mean weight of the batch, which then counts a batch of rare labels less.
        """
        predicted = self.activated(self._squeezed(outputs))
        if class_weights is not None:
            weights = class_weights[targets]
            if self.loss == "cross_entropy":
                losses = functional.cross_entropy(
                    predicted.flatten(0, -2), targets.flatten(), reduction="none"
                )
                return (weights.flatten() * losses).mean()
            losses = _ELEMENTWISE[self.loss](predicted, self.wanted(targets), reduction="none")
            return (weights[..., None] * losses).mean()
        if self.loss == "cross_entropy":
            return functional.cross_entropy(predicted.flatten(0, -2), targets.flatten())
        return _ELEMENTWISE[self.loss](predicted, self.wanted(targets))

    def predict(self, outputs: Float[Tensor, "*label outputs"]) -> Float[Tensor, "*prediction"]:
        """Return predictions in the task's units: numbers, shares, or probabilities of classes.

        A loss on logits treats the activated output as a logit, so its sigmoid is the prediction. If classes
        are trained one by one, their outputs are clamped to 0..1 and normalised.
        """
        activated = self.activated(self._squeezed(outputs))
        if self.loss == "cross_entropy":
            return activated.softmax(dim=-1)
        if self.loss == "bce_with_logits":
            activated = torch.sigmoid(activated)
        if self.kind == "category":
            positive = activated.clamp(0, 1) + LEAST_PROBABILITY
            return positive / positive.sum(dim=-1, keepdim=True)
        return (activated - self.offset) / self.scale

    def _squeezed(self, outputs: Float[Tensor, "*label outputs"]) -> Float[Tensor, "*squeezed"]:
        """Drop the last dimension if there is a single output."""
        return outputs.squeeze(-1) if self.size == 1 else outputs


def without_rounding(wanted: Float64[Tensor, "*any"]) -> Float64[Tensor, "*any"]:
    """Clamp mapped targets that rounding has put beyond 0 or 1, where a loss on logits is unbounded."""
    inside = wanted.clamp(0, 1)
    return torch.where((wanted - inside).abs() < _ROUNDING, inside, wanted)


def losses_at(
    loss: Loss, outputs: Float64[Tensor, "*any"], wanted: Float64[Tensor, "*any"]
) -> Float64[Tensor, "*any"]:
    """Return the loss of each output; outputs may be infinite."""
    match loss:
        case "bce_with_logits":
            return _mixed(wanted, functional.softplus(-outputs), functional.softplus(outputs))
        case "bce":
            return _mixed(wanted, -outputs.log(), -torch.log1p(-outputs))
        case _:
            return _ELEMENTWISE[loss](outputs, wanted, reduction="none")


def least_losses(
    loss: Loss, wanted: Float64[Tensor, "*any"], interval: tuple[float, float]
) -> Float64[Tensor, "*any"]:
    """Return each target's least loss over the activated outputs in an interval."""
    best = wanted.clamp(0, 1) if loss in ("bce", "bce_with_logits") else wanted
    if loss == "bce_with_logits":
        best = torch.logit(best)
    return losses_at(loss, best.clamp(*interval), wanted)


def _mixed(
    share: Float64[Tensor, "*any"], if_one: Float64[Tensor, "*any"], if_zero: Float64[Tensor, "*any"]
) -> Float64[Tensor, "*any"]:
    """Return share * if_one + (1 - share) * if_zero, where 0 times infinity is 0."""
    one = torch.where(share == 0, 0.0, share * if_one)
    return one + torch.where(share == 1, 0.0, (1 - share) * if_zero)
