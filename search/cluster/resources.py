"""The resources of one trial, and how many trials fit into the cluster at once."""

from collections.abc import Mapping, Sequence
from threading import Thread
from time import monotonic

import ray

from failmap.run_folder.errors import UserError
from failmap.search.config import Cluster

#: Ray's resources by name, of one node or of one trial. Memory in bytes.
Resources = Mapping[str, float]

#: Ray counts resources in units of 1e-4 (FixedPoint, src/ray/common/scheduling/fixed_point.h).
_UNITS = 10_000
#: How long the number of slots is cached: Tune asks many times a second.
_FRESH_SECONDS = 2.0


def trial_resources(cluster: Cluster) -> dict[str, float]:
    """Return Ray's resources of one trial: as configured, and by default one GPU if any node has one.

    Raises:
        UserError: No node could ever hold such a trial.
    """
    nodes = nodes_of_the_cluster()
    gpus = cluster.gpus_per_trial
    if gpus is None:
        gpus = 1.0 if any(node.get("GPU", 0.0) >= 1 for node in nodes) else 0.0
    wanted = {"CPU": float(cluster.cpus_per_trial), "GPU": gpus, **cluster.resources_per_trial}
    if cluster.memory_per_trial is not None:
        wanted["memory"] = float(round(cluster.memory_per_trial * 2**30))
    # An autoscaler adds nodes later: this is waited for only if trials_at_once says how many to expect.
    if cluster.trials_at_once is None and not num_slots(nodes, wanted):
        raise UserError(_nothing_fits(nodes, wanted))
    return wanted


def num_slots(nodes: Sequence[Resources], wanted: Resources) -> int:
    """Return how many trials fit at once. A trial runs on one node, and part of a GPU is part of one GPU.

    Args:
        nodes: The resources of each node.
        wanted: The resources of one trial.
    """
    return sum(
        min(_num_of(name, node.get(name, 0.0), amount) for name, amount in wanted.items() if _units(amount))
        for node in nodes
    )


class Slots:
    """The number of trials that may run now, in a cluster that grows and shrinks.

    A separate thread asks the cluster: if the head is gone, Ray never answers, and no signal interrupts the
    call.
    """

    def __init__(self, cluster: Cluster, wanted: Resources) -> None:
        self._fixed = cluster.trials_at_once
        self._wanted = wanted
        self._known = 0
        self._asked_at = monotonic()
        self._asking: Thread | None = None
        self._ask()

    def __call__(self) -> int:
        """Return the number, at least one: after the loss of every node, the next one is waited for."""
        if self._fixed is not None:
            return self._fixed
        is_asking = self._asking is not None and self._asking.is_alive()
        if not is_asking and monotonic() - self._asked_at >= _FRESH_SECONDS:
            self._asked_at = monotonic()
            self._asking = Thread(target=self._ask, name="failmap-slots", daemon=True)
            self._asking.start()
        return max(1, self._known)

    def _ask(self) -> None:
        self._known = num_slots(nodes_of_the_cluster(), self._wanted)


def nodes_of_the_cluster() -> list[Resources]:
    """Return the resources of each node that is alive."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _num_of(name: str, available: float, amount: float) -> int:
    if name == "GPU" and _units(amount) < _UNITS:
        return int(available) * (_UNITS // _units(amount))
    return _units(available) // _units(amount)


def _units(amount: float) -> int:
    return round(amount * _UNITS)


def _nothing_fits(nodes: Sequence[Resources], wanted: Resources) -> str:
    """Return a message with the resources of a trial and of the nearest node."""
    names = [name for name, amount in wanted.items() if _units(amount)]
    nearest = max(
        nodes,
        key=lambda node: [
            sum(node.get(name, 0) >= wanted[name] for name in names),
            *(node.get(name, 0.0) for name in names),
        ],
        default={},
    )
    asked, largest = (
        ", ".join(_amount(name, resources.get(name, 0.0)) for name in names)
        for resources in (wanted, nearest)
    )
    return (
        f"no node holds a trial of {asked}: the largest of {len(nodes)} has {largest}; lower "
        "cluster.*_per_trial, or, if an autoscaler adds larger nodes, set cluster.trials_at_once=N"
    )


def _amount(name: str, amount: float) -> str:
    if name == "memory":
        return f"{amount / 2**30:.3g} GiB"
    is_plural = name in ("CPU", "GPU") and amount != 1
    return f"{amount:g} {name}{'s' if is_plural else ''}"
