"""Tasks: inputs, targets, chance, criterion and splits. They know no network."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from failmap.datasets.config import TaskConfig
    from failmap.datasets.task import Task

#: The module and class of each task; imported when it is built, for they bring torch along.
TASKS = {
    "parity": ("failmap.datasets.parity", "Parity"),
    "adding": ("failmap.datasets.adding", "Adding"),
    "delayed_recall": ("failmap.datasets.delayed_recall", "DelayedRecall"),
    "marked_xor": ("failmap.datasets.marked_xor", "MarkedXor"),
    "sum_regression": ("failmap.datasets.sum_regression", "SumRegression"),
    "copy_memory": ("failmap.datasets.copy_memory", "CopyMemory"),
    "temporal_order": ("failmap.datasets.temporal_order", "TemporalOrder"),
    "moving_mnist": ("failmap.datasets.moving_mnist", "MovingMnist"),
    "mnist": ("failmap.datasets.mnist", "Mnist"),
    "array_file": ("failmap.datasets.array_file", "ArrayFile"),
}


def build_task(config: "TaskConfig", device: "torch.device | None" = None) -> "Task":
    """The task that a configuration names, on a device (the CPU unless told)."""
    module, name = TASKS[config.name]
    task: Task = getattr(import_module(module), name)(config, device)
    return task
