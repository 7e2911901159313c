"""The nodes of a cluster that is joined: waiting for them, and checking that they can run trials.

python -m failmap.search.cluster.nodes address=HOST:PORT nodes=4 seconds=300
"""

import logging
import secrets
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from failmap.run_folder.errors import UserError, run_program
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import is_local, parse_location, store_of
from failmap.search.loading.cli_args import parse_arguments
from failmap.search.provenance import versions

#: Timeout of a node's answer, for which it starts a process and unpacks our code.
_ANSWER_SECONDS = 90.0
#: Packages whose versions affect a trial's numbers.
_COMPARED = ("python", "torch", "ray", "numpy")

#: A node's answer: why it cannot run trials ('' if it can), and its versions of Python and packages.
_Answer = tuple[str, dict[str, str]]


def main(arguments: Sequence[str]) -> int:
    """Wait until nodes have joined, and print how many. It succeeds even if the cluster stays smaller."""
    problems: list[str] = []
    settings = parse_arguments(arguments, problems)
    problems += (f"{key}: is missing" for key in ("address", "nodes", "seconds") if key not in settings)
    if problems:
        raise UserError(*problems)
    num_nodes, seconds = int(settings["nodes"].value), float(settings["seconds"].value)
    deadline = monotonic() + seconds
    ray.init(address=settings["address"].text, log_to_driver=False, logging_level=logging.ERROR)
    try:
        while (num_alive := len(_alive_nodes())) < num_nodes and monotonic() < deadline:
            sleep(0.5)
    finally:
        ray.shutdown()
    print(f"{num_alive} of {num_nodes} nodes have joined")
    return 0


def check_nodes(folder: RunFolder, notice: Callable[[str], None]) -> None:
    """Check that every node sees the run folder and has the driver's versions, in a task on each.

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
        # All tasks start before the first answer is awaited.
        tasks = [(node["NodeManagerHostname"], _start(node["NodeID"], str(seen))) for node in _alive_nodes()]
        answers = [_await(host, task) for host, task in tasks]
    finally:
        store.remove(seen)
    problems = dict.fromkeys(problem for problem, _ in answers if problem)
    if problems:
        raise UserError(*problems)
    here = versions()
    differences = Counter(
        f"{name} {there[name]} (here {here[name]})"
        for _, there in answers
        for name in _COMPARED
        if there.get(name, here[name]) != here[name]
    )
    for difference, count in differences.items():
        notice(
            f"warning: {difference} on {count} of {len(answers)} nodes: a trial that moves there may differ "
            "in its last digits"
        )


def _alive_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _start(node_id: str, path: str) -> Any:
    affinity = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return _look_at.options(scheduling_strategy=affinity).remote(path)


@ray.remote(num_cpus=0, max_retries=0)
def _look_at(path: str) -> _Answer:
    """Return the answer of the node on which this task runs."""
    host, folder = socket.gethostname(), path.rpartition("/")[0]
    problem = ""
    try:
        location = parse_location(path)
        if not store_of(location).exists(location):
            problem = (
                f"{host} does not see {folder}: a cluster of several hosts needs shared storage; "
                "name a folder that all of them mount, or s3://..., by storage="
            )
    except (UserError, OSError) as error:
        problem = f"{host} cannot look into {folder}: {error}"
    return problem, versions()


def _await(host: str, task: Any) -> _Answer:
    try:
        answer: _Answer = ray.get(task, timeout=_ANSWER_SECONDS)
        return answer
    except GetTimeoutError:
        return f"{host} has not answered for {_ANSWER_SECONDS:g} seconds: is it overloaded?", {}
    except RayError as error:
        return f"{host} cannot run our code: {str(error).strip().splitlines()[-1]}", {}


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
