"""A connection to Ray: one that is started for the run and ends with it, or one that runs already."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.cluster.environment import is_prepared
from failmap.search.cluster.head_watchdog import ClusterLostError, watch_head
from failmap.search.cluster.job_package import code_environment
from failmap.search.cluster.nodes import check_nodes
from failmap.search.config import Cluster
from failmap.search.new_run import resume_command

#: Results of a few numbers travel through Ray, weights never do: a store that fits into any /dev/shm leaves
#: the memory to the trials. Ray takes 30 % of it otherwise. 75 MiB is the least that Ray allows.
OBJECT_STORE_BYTES = 128 * 2**20
#: Ray sets it for the entry point of a job, whose working directory every worker has already.
_IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"


@contextmanager
def connected(cluster: Cluster, folder: RunFolder, notice: Callable[[str], None]) -> Iterator[None]:
    """Connects to Ray for as long as the context lasts.

    Args:
        cluster: which; `prepare_ray` was called with it.
        folder: of the run, which every node must see.
        notice: is told what is odd about the nodes.

    Raises:
        UserError: Ray cannot be started or joined, a node does not see the folder, or the head was lost.
    """
    assert is_prepared(cluster), "call prepare_ray before Ray is imported"
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if cluster.address == "local":
        _start(cluster, common)
    else:
        _join(cluster, common)
    _silence_worker_messages()
    lost = (
        f"the head of the Ray cluster has not answered for {cluster.head_lost_seconds:g} seconds: "
        "the cluster is lost, and nothing that was finished. "
        f"Go on here or on another cluster with {resume_command(folder)}"
    )
    try:
        with watch_head(ray.get_runtime_context().gcs_address, cluster.head_lost_seconds, lost):
            if cluster.address != "local":
                check_nodes(folder, notice)
            yield
    except ClusterLostError:
        raise UserError(lost) from None
    finally:
        ray.shutdown()


def _start(cluster: Cluster, common: dict[str, Any]) -> None:
    try:
        # 'local', for RAY_ADDRESS in the environment would win over no address.
        ray.init(
            address="local",
            num_cpus=cluster.cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            **common,
        )
    except Exception as error:
        # Ray raises plain Exceptions, too, and what its many processes meet: no disk, no memory, no port.
        raise UserError(f"Ray cannot start on this machine: {_one_line(error)}") from error


def _join(cluster: Cluster, common: dict[str, Any]) -> None:
    if _IN_A_JOB not in os.environ:
        common["runtime_env"] = code_environment()
    try:
        ray.init(address=cluster.address, **common)
    except Exception as error:
        # As above; a cluster of another Ray or Python is a RuntimeError that says so.
        raise UserError(f"cluster.address={cluster.address}: cannot join: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    """All that Ray says, in one line; the cause where it hides it behind another."""
    texts = [" ".join(str(each).split()) for each in (error, error.__cause__) if each is not None]
    return ": ".join(text for text in texts if text) or type(error).__name__


def _silence_worker_messages() -> None:
    """Keeps Ray from printing every lost worker across the live view: records and status tell of them."""
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    # The thread that listens for errors prints them whatever `log_to_driver` says.
    ray._private.worker.print_to_stdstream = lambda *told, **how: None
