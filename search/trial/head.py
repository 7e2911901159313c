"""An output head in numbers: what outputs can become, what targets become, and the loss between the two."""

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

#: How far a scaled activation goes beyond the targets, on each side, as a share of their range.
MARGIN = 0.1
#: Probabilities are kept this far from 0 and 1 where their logarithm is taken: at most 16.1 nats a label.
LEAST_PROBABILITY = 1e-7

_ELEMENTWISE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": functional.mse_loss,
    "huber": functional.huber_loss,
    "bce": functional.binary_cross_entropy,
    "bce_with_logits": functional.binary_cross_entropy_with_logits,
}


@dataclass(frozen=True)
class Head:
    """Activation, map of the targets and loss of one task.

    Targets y of the task are trained as scale * y + offset. Classes are trained as they are by cross-entropy,
    and as 0 or 1 for each class by every other loss.

    Attributes:
        activation, loss: as the configuration names them.
        kind: what a target is.
        size: outputs of one label: classes of a category, pixels of a frame, 1 otherwise.
        scale, offset: of the targets.
        low, high: the least and the largest target as it is trained.
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
        """The head that a configuration asks for on a task."""
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

    @property
    def is_natural(self) -> bool:
        """Whether it is the natural loss of the targets, unmapped, and nothing is out of reach."""
        if (self.scale, self.offset) != (1.0, 0.0):
            return False
        if (self.activation, self.loss) == ("sigmoid", "bce"):
            return NATURAL_LOSS[self.kind] == "bce_with_logits"
        return self.activation == "none" and self.loss == NATURAL_LOSS[self.kind]

    @property
    def scaled_range(self) -> tuple[float, float]:
        """Where the outputs of a scaled activation lie."""
        beyond = MARGIN * (self.high - self.low)
        return self.low - beyond, self.high + beyond

    def activated(self, raw: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Raw outputs after the activation; it is monotone."""
        match self.activation:
            case "none":
                return raw
            case "sigmoid":
                return torch.sigmoid(raw)
            case "tanh":
                return torch.tanh(raw)
            case "scaled":
                low, high = self.scaled_range
                return low + (high - low) * torch.sigmoid(raw)

    def interval(self, reach: tuple[float, float] | None = None) -> tuple[float, float]:
        """The least and the largest activated output.

        Args:
            reach: the least and the largest raw output; none: any number.
        """
        ends = torch.tensor(reach or (-math.inf, math.inf), dtype=torch.float64)
        low, high = self.activated(ends).tolist()
        return low, high

    def wanted(self, targets: Shaped[Tensor, "*label"]) -> Float[Tensor, "*wanted"]:
        """What the activated outputs are compared with: mapped targets, or 0 and 1 for each class.

        Cross-entropy takes class numbers instead.
        """
        if self.kind == "category":
            return functional.one_hot(targets, self.size).float()
        wanted = targets * self.scale + self.offset
        # torch refuses what is beyond, be it by rounding or because the task's range was that of other data.
        return wanted.clamp(0, 1) if self.loss == "bce" else wanted

    def mean_loss(
        self, outputs: Float[Tensor, "*label outputs"], targets: Shaped[Tensor, "*target"]
    ) -> Float[Tensor, ""]:
        """The loss that trains, averaged over labels, and over classes or pixels within each."""
        predicted = self.activated(self._squeezed(outputs))
        if self.loss == "cross_entropy":
            return functional.cross_entropy(predicted.flatten(0, -2), targets.flatten())
        return _ELEMENTWISE[self.loss](predicted, self.wanted(targets))

    def predict(self, outputs: Float[Tensor, "*label outputs"]) -> Float[Tensor, "*prediction"]:
        """What outputs say, in the task's own units: a number, a share, or probabilities of classes.

        A loss on logits takes the activated output for a logit, so its sigmoid is the prediction. Where
        classes are trained one by one, what is said of each is cut to 0 .. 1 and divided by the sum.
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
        """A single output without its dimension."""
        return outputs.squeeze(-1) if self.size == 1 else outputs


#: Targets this close beyond 0 or 1 are there by rounding.
_ROUNDING = 1e-6


def without_rounding(wanted: Float64[Tensor, "*any"]) -> Float64[Tensor, "*any"]:
    """The same targets with 0 and 1 for what rounding has put beyond: there, a loss on logits has no end."""
    inside = wanted.clamp(0, 1)
    return torch.where((wanted - inside).abs() < _ROUNDING, inside, wanted)


def best_outputs(
    loss: Loss, wanted: Float64[Tensor, "*any"], interval: tuple[float, float]
) -> Float64[Tensor, "*any"]:
    """For each trained target the activated output within an interval that costs least; may be infinite."""
    low, high = interval
    match loss:
        case "bce_with_logits":
            best = torch.logit(wanted.clamp(0, 1))
        case "bce":
            best = wanted.clamp(0, 1)
        case _:
            best = wanted
    return best.clamp(low, high)


def losses_at(
    loss: Loss, outputs: Float64[Tensor, "*any"], wanted: Float64[Tensor, "*any"]
) -> Float64[Tensor, "*any"]:
    """What each output costs; outputs may be infinite."""
    match loss:
        case "bce_with_logits":
            return _mixed(wanted, functional.softplus(-outputs), functional.softplus(outputs))
        case "bce":
            return _mixed(wanted, -outputs.log(), -torch.log1p(-outputs))
        case "huber":
            distance = (outputs - wanted).abs()
            return torch.where(distance <= 1, distance.square() / 2, distance - 0.5)
        case _:
            return (outputs - wanted).square()


def least_losses(
    loss: Loss, wanted: Float64[Tensor, "*any"], interval: tuple[float, float]
) -> Float64[Tensor, "*any"]:
    """For each trained target the least loss over the outputs in an interval."""
    return losses_at(loss, best_outputs(loss, wanted, interval), wanted)


def _mixed(
    share: Float64[Tensor, "*any"], if_one: Float64[Tensor, "*any"], if_zero: Float64[Tensor, "*any"]
) -> Float64[Tensor, "*any"]:
    """share * if_one + (1 - share) * if_zero, where 0 times infinity is 0."""
    one = torch.where(share == 0, 0.0, share * if_one)
    return one + torch.where(share == 1, 0.0, (1 - share) * if_zero)
