"""Tasks: inputs, targets, chance, criterion and splits. They import no network."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from failmap.datasets.config import TaskConfig
    from failmap.datasets.task import Task


def build_task(config: "TaskConfig", device: "torch.device | None" = None) -> "Task":
    """Build the task of a configuration on a device, by default the CPU."""
    from failmap.datasets.config import OWN_TASK, TASKS

    # Imported here because it needs torch.
    module, _, name = TASKS.get(config.name, OWN_TASK)[1].partition(":")
    task: Task = getattr(import_module(module), name)(config, device)
    return task
