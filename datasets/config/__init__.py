"""Settings of each task, and the table of tasks.

Nothing here imports torch, so that a mistake in a configuration is reported within a second.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Field, Tag

from failmap.datasets.config.array_file import ArrayFileConfig
from failmap.datasets.config.base import Config, Metric, TargetKind, TargetLayout, TaskConfig
from failmap.datasets.config.bits import MarkedXorConfig, ParityConfig
from failmap.datasets.config.digits import (
    DIGIT_WIDTH,
    NUM_PACKAGED_DIGITS,
    NUM_PIXELS,
    MnistConfig,
    MovingMnistConfig,
)
from failmap.datasets.config.generated import GeneratedTaskConfig
from failmap.datasets.config.own import OwnTaskConfig
from failmap.datasets.config.sums import AddingConfig, SumRegressionConfig
from failmap.datasets.config.symbols import CopyMemoryConfig, DelayedRecallConfig, TemporalOrderConfig
from failmap.run_folder.own_code import is_reference

#: The settings of each task, and the class that they build (see `failmap.datasets.build_task`).
TASKS: dict[str, tuple[type[TaskConfig], str]] = {
    "parity": (ParityConfig, "failmap.datasets.bits:Parity"),
    "marked_xor": (MarkedXorConfig, "failmap.datasets.bits:MarkedXor"),
    "adding": (AddingConfig, "failmap.datasets.sums:Adding"),
    "sum_regression": (SumRegressionConfig, "failmap.datasets.sums:SumRegression"),
    "copy_memory": (CopyMemoryConfig, "failmap.datasets.symbols:CopyMemory"),
    "delayed_recall": (DelayedRecallConfig, "failmap.datasets.symbols:DelayedRecall"),
    "temporal_order": (TemporalOrderConfig, "failmap.datasets.symbols:TemporalOrder"),
    "mnist": (MnistConfig, "failmap.datasets.mnist:Mnist"),
    "moving_mnist": (MovingMnistConfig, "failmap.datasets.moving_mnist:MovingMnist"),
    "array_file": (ArrayFileConfig, "failmap.datasets.array_file:ArrayFile"),
}
#: The same for a class of the user's, whose name is FILE.py:NAME.
OWN_TASK: tuple[type[OwnTaskConfig], str] = (OwnTaskConfig, "failmap.datasets.own:OwnTask")
TASK_CONFIGS: dict[str, type[TaskConfig]] = {name: config for name, (config, _) in TASKS.items()}


def _origin(values: Any) -> str:
    """Return whether a task is shipped or the user's own, of its settings in any form."""
    name = values.get("name") if isinstance(values, dict) else getattr(values, "name", None)
    return "own" if isinstance(name, str) and is_reference(name) else "shipped"


if TYPE_CHECKING:
    AnyTaskConfig = TaskConfig
else:
    _Shipped = Annotated[reduce(or_, TASK_CONFIGS.values()), Field(discriminator="name")]
    AnyTaskConfig = Annotated[
        Annotated[_Shipped, Tag("shipped")] | Annotated[OwnTaskConfig, Tag("own")], Discriminator(_origin)
    ]

__all__ = [
    "DIGIT_WIDTH",
    "NUM_PACKAGED_DIGITS",
    "NUM_PIXELS",
    "OWN_TASK",
    "TASKS",
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
    "OwnTaskConfig",
    "ParityConfig",
    "SumRegressionConfig",
    "TargetKind",
    "TargetLayout",
    "TaskConfig",
    "TemporalOrderConfig",
]
