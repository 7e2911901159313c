"""The complete configuration of one training. Imports no torch, so that mistakes are reported at once."""

from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from failmap.datasets.config import OWN_TASK, TASK_CONFIGS, AnyTaskConfig, Config, TargetKind
from failmap.models.config import AnyModelConfig
from failmap.run_folder.own_code import is_reference
from failmap.search.trial.train_config import TrainConfig

Activation = Literal["none", "sigmoid", "tanh", "scaled"]
TargetRange = Literal["task", "zero_one", "minus_one_one", "standardised"]
Loss = Literal["bce_with_logits", "bce", "cross_entropy", "mse", "huber"]

#: The losses that each kind of target allows, the default one first; all but cross-entropy compare each class
#: with 0 or 1.
FITTING_LOSSES: dict[TargetKind, tuple[Loss, ...]] = {
    "binary": ("bce_with_logits", "bce", "mse", "huber"),
    "category": ("cross_entropy", "bce_with_logits", "bce", "mse", "huber"),
    "number": ("mse", "huber", "bce", "bce_with_logits"),
    "share": ("bce_with_logits", "bce", "mse", "huber"),
}
#: The default loss of each kind of target.
NATURAL_LOSS: dict[TargetKind, Loss] = {kind: losses[0] for kind, losses in FITTING_LOSSES.items()}


class OutputConfig(Config):
    """The output head: an activation, a range of targets and a loss.

    Every combination that torch can compute is allowed, even one that cannot learn: a map over such choices
    shows which can, and the floor of each (search/trial/loss_floor.py) explains why before training.
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
        """Return in one line why torch cannot compute this for a kind of target, or None if it can."""
        if self.loss not in FITTING_LOSSES[kind]:
            fitting = ", ".join(FITTING_LOSSES[kind])
            return f"output.loss={self.loss} does not fit targets of kind {kind}; choose one of: {fitting}"
        if kind == "category" and self.target_range != "task":
            return (
                f"output.target_range={self.target_range} needs numeric targets, but these are classes: "
                "set output.target_range=task"
            )
        if self.loss == "bce" and self.activation != "sigmoid":
            return "output.loss=bce needs output.activation=sigmoid: it takes probabilities"
        are_shares = self.target_range == "zero_one" or (self.target_range == "task" and kind != "number")
        if self.loss == "bce" and not are_shares:
            return "output.loss=bce needs targets from 0 to 1: set output.target_range=zero_one"
        return None


class CriterionConfig(Config):
    """When a trial counts as learned; fixed before the search."""

    score: float | None = Field(
        default=None, gt=0, le=1, description="skill to reach, 0 at chance, 1 perfect; none: the task's own"
    )
    in_a_row: int = Field(default=2, ge=1, le=100, description="evaluations in a row that must reach it")


class TrialConfig(Config):
    """One training: task, network, output head, training settings, success criterion and seed."""

    task: AnyTaskConfig
    model: AnyModelConfig
    output: OutputConfig = OutputConfig()
    train: TrainConfig = TrainConfig()
    criterion: CriterionConfig = CriterionConfig()
    seed: int = Field(default=0, ge=0, description="of the initialization, the dropout and the batches")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_natural_loss(cls, values: Any) -> Any:
        """Fill in the natural loss if none is given, so that a stored configuration is complete."""
        if not isinstance(values, dict) or not isinstance(values.get("task"), dict):
            return values
        name = str(values["task"].get("name", ""))
        task = OWN_TASK[0] if is_reference(name) else TASK_CONFIGS.get(name)
        output = values.get("output") or {}
        if task is None or not isinstance(output, dict) or output.get("loss") is not None:
            return values
        try:
            kind = task.model_validate(values["task"]).target_kind
        except ValidationError:
            return values
        return {**values, "output": {**output, "loss": NATURAL_LOSS[kind]}}

    @model_validator(mode="after")
    def _check_parts_fit(self) -> "TrialConfig":
        misfit = self.output.misfit(self.task.target_kind)
        if misfit is not None:
            raise ValueError(misfit)
        model = self.model
        if self.task.target_layout not in model.layouts:
            remedies = ["set task.supervision=last"] * self.task.can_ask_at_last_step + ["choose model=lstm"]
            raise ValueError(
                f"model={model.name} has no output at every input step, which task {self.task.name} needs "
                f"here; {', or '.join(remedies)}"
            )
        if model.needs_frames and self.task.frame_shape is None:
            raise ValueError(
                f"model={model.name} needs image frames, but task {self.task.name} has none; "
                "choose task=moving_mnist"
            )
        misfit = model.misfit(self.task.frame_shape)
        if misfit is not None:
            raise ValueError(misfit)
        if self.train.batch_size == "full" and self.task.num_train is None:
            hint = ": set task.train_size" if "train_size" in type(self.task).model_fields else ""
            raise ValueError(
                f"train.batch_size=full needs a finite training set, but task {self.task.name} generates new "
                f"sequences{hint}"
            )
        return self
