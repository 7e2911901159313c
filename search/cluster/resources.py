"""What one trial gets of a cluster, and how many trials fit into it."""

import ray

from analysis.errors import UserError
from search.config import Cluster


def trial_resources(cluster: Cluster) -> dict[str, float]:
    """Ray's resources of one trial: as configured; of GPUs one where the cluster has any and nobody says.

    Raises:
        UserError: the cluster has fewer GPUs.
    """
    available = ray.cluster_resources().get("GPU", 0.0)
    gpus = cluster.gpus_per_trial
    if gpus is None:
        gpus = 1.0 if available else 0.0
    if gpus > available:
        raise UserError(f"cluster.gpus_per_trial={gpus:g}: the cluster has {available:g} GPUs")
    return {"cpu": float(cluster.cpus_per_trial), "gpu": gpus}


def num_slots(cluster: Cluster, resources: dict[str, float]) -> int:
    """How many trials run at once. Raises UserError where not even one fits."""
    available = ray.cluster_resources()
    slots = int(available.get("CPU", 0.0) // cluster.cpus_per_trial)
    if slots < 1:
        raise UserError(
            f"cluster.cpus_per_trial={cluster.cpus_per_trial}: the cluster has "
            f"{available.get('CPU', 0.0):g} CPUs"
        )
    return min(slots, int(available["GPU"] / resources["gpu"])) if resources["gpu"] else slots
