"""One training, completely described. Knows no torch, so that a mistake is told within a second."""

from typing import Any

from pydantic import Field, ValidationError, model_validator

from failmap.datasets.config import TASK_CONFIGS, AnyTaskConfig, Config
from failmap.models.config import AnyModelConfig
from failmap.search.trial.output_config import NATURAL_LOSS, OutputConfig
from failmap.search.trial.train_config import TrainConfig


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
        misfit = self.output.misfit(self.task.target_kind)
        if misfit is not None:
            raise ValueError(misfit)
        model = self.model
        if self.task.target_layout not in model.layouts:
            remedies = ["set task.supervision=last"] * self.task.can_ask_at_last_step + ["take model=lstm"]
            raise ValueError(
                f"model={model.name} has no output at every step of its input, as task {self.task.name} asks "
                f"for here; {', or '.join(remedies)}"
            )
        if model.needs_frames and self.task.frame_shape is None:
            raise ValueError(
                f"model={model.name} sees pictures, and task {self.task.name} has none; task=moving_mnist has"
            )
        misfit = model.misfit(self.task.frame_shape)
        if misfit is not None:
            raise ValueError(misfit)
        if self.train.batch_size == "full" and not self.task.has_training_set:
            hint = ": set task.train_size" if "train_size" in type(self.task).model_fields else ""
            raise ValueError(
                f"train.batch_size=full needs a finite training set, and task {self.task.name} draws its "
                f"sequences anew{hint}"
            )
        return self
