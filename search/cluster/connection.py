"""The connection to Ray: a local cluster started for the run, or a running one that is joined."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray._private import services

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.cluster.environment import prepared_addresses
from failmap.search.cluster.head_watchdog import ClusterLostError, watch_head
from failmap.search.cluster.job_package import code_environment
from failmap.search.cluster.nodes import check_nodes
from failmap.search.config import Cluster
from failmap.search.new_run import resume_command

#: Only small results travel through Ray, never weights: a store that fits into any /dev/shm leaves the memory
#: to the trials. Ray's default is 30 % of it, and its minimum 75 MiB.
_OBJECT_STORE_BYTES = 128 * 2**20


class _RayProcess(subprocess.Popen[bytes]):
    """A process of a local Ray, in a session of its own.

    A terminal that closes, and `kill` of a process group, signal every process of the driver's session. Ray
    would be gone before any trial is saved. It still ends and dies with the driver.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        super().__init__(command, start_new_session=True, **options)


@contextmanager
def connected(
    cluster: Cluster, folder: RunFolder, notice: Callable[[str], None], is_ending: Callable[[], bool]
) -> Iterator[None]:
    """Connect to Ray for the duration of the context.

    Args:
        cluster: The cluster; `prepare_ray` was called with it.
        folder: The run's folder, which every node must see.
        notice: Called with a line for each oddity of the nodes.
        is_ending: Whether the session is being ended. A cluster that is lost then was asked to end as well,
            as by systemd or Slurm, and the context ends without an error.

    Raises:
        UserError: Ray cannot be started or joined, a node does not see the folder, or the head is lost.
    """
    assert prepared_addresses == [cluster.address], "call prepare_ray before Ray is imported"
    try:
        _init_ray(cluster)
    except SystemExit:
        # Ray's answer to SIGTERM while it starts.
        raise KeyboardInterrupt from None
    lost = (
        f"the head of the Ray cluster has not answered for {cluster.head_lost_seconds:g} seconds: "
        "the cluster is lost, but no finished trial is. "
        f"Continue here or on another cluster with {resume_command(folder)}"
    )
    try:
        address = ray.get_runtime_context().gcs_address
        with watch_head(address, cluster.head_lost_seconds, lost, is_ending):
            if cluster.address != "local":
                check_nodes(folder, notice)
            yield
    except ClusterLostError:
        if not is_ending():
            raise UserError(lost) from None
    finally:
        ray.shutdown()


def _init_ray(cluster: Cluster) -> None:
    is_local = cluster.address == "local"
    options: dict[str, Any] = {}
    if is_local:
        services.ConsolePopen = _RayProcess  # type: ignore[assignment, misc]
        options = {
            "num_cpus": cluster.cpus,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    # Ray sets the variable for a job's entry point, whose code every worker has already.
    elif "RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ:
        options = {"runtime_env": code_environment()}
    try:
        ray.init(cluster.address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:
        # Ray raises plain Exceptions, too, for whatever its processes lack: disk, memory, a port. A different
        # version of Ray or Python is a RuntimeError that names it.
        problem = "Ray cannot start on this machine"
        if not is_local:
            problem = f"cluster.address={cluster.address}: cannot join"
        reasons = [" ".join(str(each).split()) for each in (error, error.__cause__) if each is not None]
        reason = ": ".join(filter(None, reasons)) or type(error).__name__
        raise UserError(f"{problem}: {reason}") from error
    # Records and status report lost workers; Ray would print each of them over the live view, and the thread
    # that listens for errors does so regardless of `log_to_driver`.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
