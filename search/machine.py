"""The resources of this machine, and whether trials of a local run fit into them."""

import math
import os
from pathlib import Path

import psutil

from failmap.run_folder.errors import UserError
from failmap.run_folder.wording import quantity
from failmap.search.config import Cluster
from failmap.search.loading.validation import shown

#: Beginnings of resources that Ray adds to each node by itself.
_OF_EVERY_NODE = ("node:", "accelerator_type:")
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def num_cpus() -> int:
    """Return the CPUs that Ray finds here: those of the machine, or as many as the container may use."""
    found = os.cpu_count() or 1
    try:
        quota, period = _CPU_QUOTA.read_text().split()
        return max(1, min(found, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):
        # No container of this kind, or one without a quota ('max').
        return found


def check_resources(cluster: Cluster) -> None:
    """Check that a local Ray can hold one trial. Other machines are asked once they are joined.

    Raises:
        UserError: It cannot; one line for each resource.
    """
    if cluster.address != "local":
        return
    problems = []
    if cluster.cpus is None and cluster.cpus_per_trial > (cpus := num_cpus()):
        problems.append(
            f"cluster.cpus_per_trial={cluster.cpus_per_trial}: this machine has {quantity(cpus, 'CPU')}"
        )
    if cluster.gpus_per_trial:
        # Imported here: a run that asks for no GPU need not wait for torch.
        import torch

        if cluster.gpus_per_trial > (gpus := torch.cuda.device_count()):
            wanted = f"cluster.gpus_per_trial={shown(cluster.gpus_per_trial)}"
            problems.append(f"{wanted}: this machine has {quantity(gpus, 'GPU')} that torch can use")
    gib = psutil.virtual_memory().total / 2**30
    if cluster.memory_per_trial is not None and cluster.memory_per_trial > gib:
        wanted = f"cluster.memory_per_trial={shown(cluster.memory_per_trial)}"
        problems.append(f"{wanted}: this machine has {gib:.3g} GiB")
    problems += (
        f"cluster.resources_per_trial={{{name}: {shown(amount)}}}: a local Ray has no such resource"
        for name, amount in cluster.resources_per_trial.items()
        if not name.startswith(_OF_EVERY_NODE)
    )
    if problems:
        raise UserError(*problems)
