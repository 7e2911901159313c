"""One training, completely described. Knows no torch, so that a mistake is told within a second."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from datasets.config import TASK_CONFIGS, AnyTaskConfig, TargetKind
from models.config import AnyModelConfig

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


class Config(BaseModel):
    """A frozen configuration that takes no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class TrainConfig(Config):
    """How one trial is trained. An update is one optimizer step."""

    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = Field(default="adam", description="torch.optim's")
    learning_rate: float = Field(default=3e-3, gt=0, le=1e3, description="at the schedule's highest point")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="of sgd and rmsprop")
    weight_decay: float = Field(default=0.0, ge=0, description="L2 penalty; decoupled for adamw")
    schedule: Literal["constant", "step", "exponential", "cosine"] = Field(
        default="constant", description="how the learning rate falls over the update budget"
    )
    final_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="share of the learning rate left at the end (step, exponential, cosine)",
    )
    step_count: int = Field(default=3, ge=1, description="equal falls of the step schedule")
    warmup_updates: int = Field(
        default=0, ge=0, description="updates over which the learning rate rises from 0"
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="largest gradient norm; none: not clipped"
    )
    batch_size: int = Field(default=64, ge=1, le=1_000_000, description="sequences of one update")
    max_updates: int = Field(default=1500, ge=1, le=100_000_000, description="update budget of one trial")
    evaluate_every: int = Field(default=50, ge=1, description="updates from one evaluation to the next")


class CriterionConfig(Config):
    """When a trial has learned; stated before the search."""

    score: float | None = Field(
        default=None, gt=0, le=1, description="skill to reach, 0 at chance, 1 perfect; none: the task's own"
    )
    in_a_row: int = Field(default=2, ge=1, le=100, description="evaluations in a row that must reach it")


class TrialConfig(Config):
    """One training: a task, a network, its output, how it is trained, what counts as learned, and a seed."""

    task: AnyTaskConfig
    model: AnyModelConfig
    output: OutputConfig = OutputConfig()
    train: TrainConfig = TrainConfig()
    criterion: CriterionConfig = CriterionConfig()
    seed: int = Field(default=0, ge=0, description="of the initialization, the dropout and the batches")

    @model_validator(mode="before")
    @classmethod
    def _name_the_natural_loss(cls, values: Any) -> Any:
        """Writes the loss down where none is named, so that a stored configuration is complete."""
        if not isinstance(values, dict) or not isinstance(values.get("task"), dict):
            return values
        task = TASK_CONFIGS.get(values["task"].get("name", ""))
        output = values.get("output") or {}
        if task is None or not isinstance(output, dict) or output.get("loss") is not None:
            return values
        try:
            kind = task.model_validate(values["task"]).target_kind
        except ValidationError:
            return values
        return {**values, "output": {**output, "loss": NATURAL_LOSS[kind]}}

    @model_validator(mode="after")
    def _parts_fit(self) -> "TrialConfig":
        output, kind = self.output, self.task.target_kind
        if output.loss not in FITTING_LOSSES[kind]:
            fitting = ", ".join(FITTING_LOSSES[kind])
            raise ValueError(
                f"output.loss={output.loss} cannot train task {self.task.name}: its target is a {kind}; "
                f"fitting: {fitting}"
            )
        model = self.model
        if self.task.target_layout not in model.layouts:
            raise ValueError(
                f"model={model.name} has no output at every step of its input, as task {self.task.name} asks "
                "for here; set task.supervision=last, or take model=lstm"
            )
        if model.needs_frames and self.task.frame_shape is None:
            raise ValueError(
                f"model={model.name} sees pictures, and task {self.task.name} has none; task=moving_mnist has"
            )
        if kind == "category" and (output.activation != "none" or output.target_range != "task"):
            raise ValueError(
                "output.activation and output.target_range must stay none and task for "
                f"task {self.task.name}: cross-entropy takes raw outputs and class numbers"
            )
        if output.loss == "bce" and output.activation != "sigmoid":
            raise ValueError("output.loss=bce needs output.activation=sigmoid: it takes probabilities")
        inside_zero_one = output.target_range == "zero_one" or (
            output.target_range == "task" and kind in ("binary", "share")
        )
        if output.loss in ("bce", "bce_with_logits") and not inside_zero_one:
            raise ValueError(
                f"output.loss={output.loss} needs targets from 0 to 1: set output.target_range=zero_one"
            )
        if self.train.evaluate_every > self.train.max_updates:
            raise ValueError(
                f"train.evaluate_every={self.train.evaluate_every} is more than "
                f"train.max_updates={self.train.max_updates}: the trial would never be evaluated"
            )
        if self.train.warmup_updates > self.train.max_updates:
            raise ValueError(
                f"train.warmup_updates={self.train.warmup_updates} is more than "
                f"train.max_updates={self.train.max_updates}"
            )
        if self.train.momentum and self.train.optimizer not in ("sgd", "rmsprop"):
            raise ValueError(
                f"train.momentum is not a setting of {self.train.optimizer}: sgd and rmsprop have it"
            )
        return self
