"""Settings of a run that contradict each other, though each is valid alone."""

from collections.abc import Mapping
from typing import Any

from failmap.search.config import Budget, Cluster
from failmap.search.loading.validation import shown

#: Resources of a trial that Ray knows by these names, and the settings that ask for them.
_RESOURCES = {"CPU": "cpus_per_trial", "GPU": "gpus_per_trial", "memory": "memory_per_trial"}


def contradictions(values: Mapping[str, Any], origins: Mapping[str, str]) -> list[str]:
    """Return a line for each pair of settings that contradict each other.

    What a stored run has is not judged, so that every run can be resumed.

    Args:
        values: The validated settings of a run by field; fields that are missing have their defaults.
        origins: The source of each dotted path that the user has set: a file, or '' for an argument.
    """
    return [
        *_of_budget(values.get("budget", Budget()), origins),
        *_of_cluster(values.get("cluster", Cluster()), origins),
        *_of_pruner(values.get("pruner", "none"), origins),
    ]


def _of_budget(budget: Budget, origins: Mapping[str, str]) -> list[str]:
    # More seeds than the file's limit, set by an argument, raise the limit.
    raises_limit = origins.get("budget.seeds") == "" != origins.get("budget.max_seeds")
    if budget.max_seeds >= budget.seeds or "budget.max_seeds" not in origins or raises_limit:
        return []
    return [
        f"budget.max_seeds={budget.max_seeds}: is less than budget.seeds={budget.seeds}, the seeds to begin "
        f"with: set budget.max_seeds={budget.seeds} or more, or fewer budget.seeds"
    ]


def _of_cluster(cluster: Cluster, origins: Mapping[str, str]) -> list[str]:
    problems = []
    is_local = cluster.address == "local"
    if "cluster.cpus" in origins and not is_local:
        problems.append(
            f"cluster.cpus={shown(cluster.cpus)}: is about a Ray that is started for the run, and "
            f"cluster.address={cluster.address} is a running one: leave one out"
        )
    is_about_cpus = "cluster.cpus" in origins or "cluster.cpus_per_trial" in origins
    if is_about_cpus and is_local and cluster.cpus is not None and cluster.cpus < cluster.cpus_per_trial:
        problems.append(
            f"cluster.cpus_per_trial={cluster.cpus_per_trial}: is more than cluster.cpus={cluster.cpus}: "
            "no trial could start"
        )
    if "cluster.resources_per_trial" in origins:
        problems += (
            f"cluster.resources_per_trial={shown(cluster.resources_per_trial)}: set {name} by "
            f"cluster.{_RESOURCES[name]}"
            for name in cluster.resources_per_trial
            if name in _RESOURCES
        )
    return problems


def _of_pruner(pruner: str, origins: Mapping[str, str]) -> list[str]:
    typed = [path for path, origin in origins.items() if path.startswith("halving.") and origin == ""]
    if pruner != "none" or not typed:
        return []
    verb = "have" if len(typed) > 1 else "has"
    return [f"{', '.join(typed)}: {verb} no effect without pruner=halving"]
