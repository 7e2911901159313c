"""A check that every node sees the run folder and has the driver's versions."""

import secrets
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import is_local, parse_location, store_of
from failmap.search.provenance import versions

#: Timeout of a node's answer, for which it starts a process and unpacks our code.
ANSWER_SECONDS = 90.0
#: Packages whose versions affect a trial's numbers.
COMPARED = ("python", "torch", "ray", "numpy")


@dataclass(frozen=True)
class NodeReport:
    """A node's answer.

    Attributes:
        host: The node's name.
        problem: Why it does not see the run folder; None if it does.
        versions: Versions of Python and packages.
    """

    host: str
    problem: str | None
    versions: dict[str, str]


def check_nodes(folder: RunFolder, notice: Callable[[str], None]) -> None:
    """Check all nodes that are alive, at the same time, in a task on each.

    Args:
        folder: The run's folder, which exists.
        notice: Called with a line for each difference in versions.

    Raises:
        UserError: One line for each node that does not see the folder, or does not answer.
    """
    seen = folder.path / f".seen-by-nodes-{secrets.token_hex(8)}"
    seen = seen.absolute() if is_local(seen) else seen
    store = store_of(seen)
    store.write(seen, b"", survives_power_loss=False)
    try:
        tasks = [(node, _start(node["NodeID"], str(seen))) for node in ray.nodes() if node["Alive"]]
        reports = [_report(node, task) for node, task in tasks]
    finally:
        store.remove(seen)
    problems = [f"{report.host} {report.problem}" for report in reports if report.problem is not None]
    if problems:
        raise UserError(*dict.fromkeys(problems))
    for line in version_notices(reports, versions()):
        notice(line)


def version_notices(reports: list[NodeReport], here: dict[str, str]) -> list[str]:
    """Return a line for each difference in versions, with the number of nodes that have it."""
    found = Counter(
        f"{name} {report.versions[name]} (here {here[name]})"
        for report in reports
        for name in COMPARED
        if report.versions.get(name, here[name]) != here[name]
    )
    return [
        f"warning: {difference} on {count} of {len(reports)} nodes: a trial that moves there may differ "
        "in its last digits"
        for difference, count in found.items()
    ]


def _start(node_id: str, path: str) -> Any:
    affinity = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return _look_at.options(scheduling_strategy=affinity).remote(path)


@ray.remote(num_cpus=0, max_retries=0)
def _look_at(path: str) -> NodeReport:
    """Return the report of the node on which this task runs."""
    host = socket.gethostname()
    try:
        location = parse_location(path)
        is_visible = store_of(location).exists(location)
    except (UserError, OSError) as error:
        return NodeReport(host, f"cannot look into {path.rpartition('/')[0]}: {error}", versions())
    problem = None
    if not is_visible:
        problem = (
            f"does not see {path.rpartition('/')[0]}: a cluster of several hosts needs shared storage; "
            "name a folder that all of them mount, or s3://..., by storage="
        )
    return NodeReport(host, problem, versions())


def _report(node: dict[str, Any], task: Any) -> NodeReport:
    host = node["NodeManagerHostname"]
    try:
        report: NodeReport = ray.get(task, timeout=ANSWER_SECONDS)
    except GetTimeoutError:
        return NodeReport(host, f"has not answered for {ANSWER_SECONDS:g} seconds: is it overloaded?", {})
    except RayError as error:
        return NodeReport(host, f"cannot run our code: {str(error).strip().splitlines()[-1]}", {})
    return report
