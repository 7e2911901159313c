"""The output head as one joint choice: activation, range of targets, loss. Knows no torch."""

from typing import Literal

from pydantic import Field

from datasets.config import Config, TargetKind

Loss = Literal["bce_with_logits", "bce", "cross_entropy", "mse", "huber"]

#: The loss that trains a kind of target unless another is named.
NATURAL_LOSS: dict[TargetKind, Loss] = {
    "binary": "bce_with_logits",
    "category": "cross_entropy",
    "number": "mse",
    "share": "bce_with_logits",
}
#: The losses that can train a kind of target at all.
FITTING_LOSSES: dict[TargetKind, tuple[Loss, ...]] = {
    "binary": ("bce_with_logits", "bce", "mse", "huber"),
    "category": ("cross_entropy",),
    "number": ("mse", "huber", "bce", "bce_with_logits"),
    "share": ("bce_with_logits", "bce", "mse", "huber"),
}


class OutputConfig(Config):
    """The output head: an activation, a range of targets and a loss, which must be able to meet."""

    activation: Literal["none", "sigmoid", "tanh"] = Field(
        default="none", description="what the last linear layer's output goes through"
    )
    target_range: Literal["task", "zero_one", "minus_one_one", "standardised"] = Field(
        default="task",
        description="what the targets are mapped to for training; metrics stay in the task's own units",
    )
    loss: Loss | None = Field(
        default=None, description="what training minimises; none: the natural one of the task's targets"
    )
