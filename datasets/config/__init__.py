"""What each task may be asked for. Knows no torch, so that a mistake is told within a second."""

from typing import Annotated

from pydantic import Field

from failmap.datasets.config.array_file import ArrayFileConfig
from failmap.datasets.config.base import Config, Metric, TargetKind, TargetLayout, TaskConfig
from failmap.datasets.config.digits import (
    DIGIT_WIDTH,
    NUM_PACKAGED_DIGITS,
    NUM_PIXELS,
    MnistConfig,
    MovingMnistConfig,
)
from failmap.datasets.config.generated import (
    AddingConfig,
    CopyMemoryConfig,
    DelayedRecallConfig,
    GeneratedTaskConfig,
    MarkedXorConfig,
    ParityConfig,
    SumRegressionConfig,
    TemporalOrderConfig,
)

#: Every task by its name.
TASK_CONFIGS: dict[str, type[TaskConfig]] = {
    "parity": ParityConfig,
    "marked_xor": MarkedXorConfig,
    "adding": AddingConfig,
    "sum_regression": SumRegressionConfig,
    "copy_memory": CopyMemoryConfig,
    "delayed_recall": DelayedRecallConfig,
    "temporal_order": TemporalOrderConfig,
    "mnist": MnistConfig,
    "moving_mnist": MovingMnistConfig,
    "array_file": ArrayFileConfig,
}

AnyTaskConfig = Annotated[
    ParityConfig
    | MarkedXorConfig
    | AddingConfig
    | SumRegressionConfig
    | CopyMemoryConfig
    | DelayedRecallConfig
    | TemporalOrderConfig
    | MnistConfig
    | MovingMnistConfig
    | ArrayFileConfig,
    Field(discriminator="name"),
]

__all__ = [
    "DIGIT_WIDTH",
    "NUM_PACKAGED_DIGITS",
    "NUM_PIXELS",
    "TASK_CONFIGS",
    "AddingConfig",
    "AnyTaskConfig",
    "ArrayFileConfig",
    "Config",
    "CopyMemoryConfig",
    "DelayedRecallConfig",
    "GeneratedTaskConfig",
    "MarkedXorConfig",
    "Metric",
    "MnistConfig",
    "MovingMnistConfig",
    "ParityConfig",
    "SumRegressionConfig",
    "TargetKind",
    "TargetLayout",
    "TaskConfig",
    "TemporalOrderConfig",
]
