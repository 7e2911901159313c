"""The output head as one joint choice: activation, range of targets, loss. Knows no torch."""

from typing import Literal

from pydantic import Field

from failmap.datasets.config import Config, TargetKind

Activation = Literal["none", "sigmoid", "tanh", "scaled"]
TargetRange = Literal["task", "zero_one", "minus_one_one", "standardised"]
Loss = Literal["bce_with_logits", "bce", "cross_entropy", "mse", "huber"]

#: The loss that trains a kind of target unless another is named.
NATURAL_LOSS: dict[TargetKind, Loss] = {
    "binary": "bce_with_logits",
    "category": "cross_entropy",
    "number": "mse",
    "share": "bce_with_logits",
}
#: The losses that can be computed for a kind of target: those of a category compare its classes with 0 or 1.
FITTING_LOSSES: dict[TargetKind, tuple[Loss, ...]] = {
    "binary": ("bce_with_logits", "bce", "mse", "huber"),
    "category": ("cross_entropy", "bce_with_logits", "bce", "mse", "huber"),
    "number": ("mse", "huber", "bce", "bce_with_logits"),
    "share": ("bce_with_logits", "bce", "mse", "huber"),
}


class OutputConfig(Config):
    """The output head: an activation, a range of targets and a loss.

    Whatever torch can compute may be asked for, also what cannot work: a map over such choices shows which
    can, and the floor of each (search/trial/floor.py) says why before training.
    """

    activation: Activation = Field(
        default="none",
        description="what the last linear layer's output goes through; scaled: a sigmoid stretched over the "
        "range of the trained targets and a tenth of it beyond on both sides",
    )
    target_range: TargetRange = Field(
        default="task",
        description="what the targets are mapped to for training; metrics stay in the task's own units",
    )
    loss: Loss | None = Field(
        default=None, description="what training minimises; none: the natural one of the task's targets"
    )

    def misfit(self, kind: TargetKind) -> str | None:
        """Why torch cannot compute this for a kind of target, in one line; None where it can."""
        if self.loss not in FITTING_LOSSES[kind]:
            fitting = ", ".join(FITTING_LOSSES[kind])
            return f"output.loss={self.loss} cannot train a target that is a {kind}; fitting: {fitting}"
        if kind == "category" and self.target_range != "task":
            return (
                f"output.target_range={self.target_range} needs targets that are numbers, and these are "
                "classes: set output.target_range=task"
            )
        if self.loss == "bce" and self.activation != "sigmoid":
            return "output.loss=bce needs output.activation=sigmoid: it takes probabilities"
        are_shares = self.target_range == "zero_one" or (self.target_range == "task" and kind != "number")
        if self.loss == "bce" and not are_shares:
            return "output.loss=bce needs targets from 0 to 1: set output.target_range=zero_one"
        return None
