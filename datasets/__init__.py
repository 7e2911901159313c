"""Tasks: inputs, targets, chance, criterion and splits. They know no network."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from datasets.config import TaskConfig
    from datasets.task import Task


def build_task(config: "TaskConfig", device: "torch.device | None" = None) -> "Task":
    """The task that a configuration names, on a device (the CPU unless told)."""
    from datasets.adding import Adding
    from datasets.delayed_recall import DelayedRecall
    from datasets.mnist import Mnist
    from datasets.parity import Parity

    tasks: dict[str, type[Task]] = {
        "parity": Parity,
        "adding": Adding,
        "delayed_recall": DelayedRecall,
        "mnist": Mnist,
    }
    return tasks[config.name](config, device)
