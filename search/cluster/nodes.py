"""Whether every node sees the run folder, and computes with the same versions as the driver."""

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

#: A node starts a process and unpacks our code for its answer.
ANSWER_SECONDS = 90.0
#: Packages whose versions decide a trial's numbers.
COMPARED = ("python", "torch", "ray", "numpy")


@dataclass(frozen=True)
class View:
    """What a node says of itself.

    Attributes:
        host: its name.
        problem: why it does not see the file; None where it does.
        versions: of Python and packages.
    """

    host: str
    problem: str | None
    versions: dict[str, str]


def check_nodes(folder: RunFolder, notice: Callable[[str], None]) -> None:
    """Asks each node that is alive, at once, in a task of its own.

    Args:
        folder: of the run; it exists.
        notice: is told which nodes compute with other versions.

    Raises:
        UserError: with a line for each node that does not see the folder, or does not answer.
    """
    seen = folder.path / f".seen-by-nodes-{secrets.token_hex(8)}"
    seen = seen.absolute() if is_local(seen) else seen
    store = store_of(seen)
    store.write(seen, b"", survives_power_loss=False)
    try:
        asked = [(node, _ask(node["NodeID"], str(seen))) for node in ray.nodes() if node["Alive"]]
        answers = [_answer(node, answer) for node, answer in asked]
    finally:
        store.remove(seen)
    problems = [f"{view.host} {view.problem}" for view in answers if view.problem is not None]
    if problems:
        raise UserError(*dict.fromkeys(problems))
    for line in version_notices(answers, versions()):
        notice(line)


def version_notices(views: list[View], here: dict[str, str]) -> list[str]:
    """A line for each kind of difference, with how many nodes have it."""
    found = Counter(
        f"{name} {view.versions[name]} (here {here[name]})"
        for view in views
        for name in COMPARED
        if view.versions.get(name, here[name]) != here[name]
    )
    return [
        f"warning: {difference} on {count} of {len(views)} nodes: a trial that moves there may differ in its "
        "last digits"
        for difference, count in found.items()
    ]


def _ask(node_id: str, path: str) -> Any:
    affinity = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return _look.options(scheduling_strategy=affinity).remote(path)


@ray.remote(num_cpus=0, max_retries=0)
def _look(path: str) -> View:
    """Runs on a node."""
    host = socket.gethostname()
    try:
        place = parse_location(path)
        is_there = store_of(place).exists(place)
    except (UserError, OSError) as error:
        return View(host, f"cannot look into {path.rpartition('/')[0]}: {error}", versions())
    problem = None
    if not is_there:
        problem = (
            f"does not see {path.rpartition('/')[0]}: a cluster of several hosts needs shared storage; "
            "name a folder that all of them mount, or s3://..., by storage="
        )
    return View(host, problem, versions())


def _answer(node: dict[str, Any], answer: Any) -> View:
    host = node["NodeManagerHostname"]
    try:
        view: View = ray.get(answer, timeout=ANSWER_SECONDS)
    except GetTimeoutError:
        return View(host, f"has not answered for {ANSWER_SECONDS:g} seconds: is it overloaded?", {})
    except RayError as error:
        return View(host, f"cannot run our code: {str(error).strip().splitlines()[-1]}", {})
    return view
