"""The connection to Ray: a local cluster started for the run, or a running one that is joined."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType
from typing import Any

import ray

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.cluster.environment import prepared_addresses
from failmap.search.cluster.job_package import code_environment
from failmap.search.cluster.nodes import check_nodes
from failmap.search.config import Cluster
from failmap.search.new_run import resume_command

_POLL_SECONDS = 2.0
#: Time that the main thread gets to react.
_GRACE_SECONDS = 10.0
_SIGNAL = signal.SIGUSR1
#: Only small results travel through Ray, never weights: a store that fits into any /dev/shm leaves the memory
#: to the trials. Ray's default is 30 % of it, and its minimum 75 MiB.
_OBJECT_STORE_BYTES = 128 * 2**20


class ClusterLostError(BaseException):
    """The head has not answered for too long. Not an Exception: Tune would take it for a trial's."""


@contextmanager
def watch_head(address: str, lost_seconds: float, message: str) -> Iterator[None]:
    """Raise ClusterLostError in the main thread, inside the context, once the head is gone.

    Ray's calls then block for ever, and only a signal interrupts them.

    Args:
        address: HOST:PORT of the head.
        lost_seconds: Seconds without an answer after which the head is lost; it may restart before.
        message: Printed if Ray does not release the main thread and the process has to exit at once.
    """
    over = threading.Event()
    main = threading.main_thread().ident
    assert main == threading.get_ident(), "signals reach the main thread only"

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not over.is_set():
            raise ClusterLostError

    def watch() -> None:
        host, _, port = address.rpartition(":")
        answered = monotonic()
        while not over.wait(_POLL_SECONDS):
            with suppress(OSError):
                socket.create_connection((host.strip("[]"), int(port)), timeout=_POLL_SECONDS).close()
                answered = monotonic()
            silent_seconds = monotonic() - answered
            if silent_seconds >= lost_seconds + _GRACE_SECONDS:
                print(f"error: {message}", file=sys.stderr, flush=True)
                os._exit(2)
            if silent_seconds >= lost_seconds:
                # Repeatedly: Tune's cleanup waits for the head as well.
                signal.pthread_kill(main, _SIGNAL)

    previous = signal.signal(_SIGNAL, interrupt)
    watcher = threading.Thread(target=watch, name="failmap-head", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(_SIGNAL, previous)


@contextmanager
def connected(cluster: Cluster, folder: RunFolder, notice: Callable[[str], None]) -> Iterator[None]:
    """Connect to Ray for the duration of the context.

    Args:
        cluster: The cluster; `prepare_ray` was called with it.
        folder: The run's folder, which every node must see.
        notice: Called with a line for each oddity of the nodes.

    Raises:
        UserError: Ray cannot be started or joined, a node does not see the folder, or the head is lost.
    """
    assert prepared_addresses == [cluster.address], "call prepare_ray before Ray is imported"
    _init_ray(cluster)
    lost = (
        f"the head of the Ray cluster has not answered for {cluster.head_lost_seconds:g} seconds: "
        "the cluster is lost, but no finished trial is. "
        f"Continue here or on another cluster with {resume_command(folder)}"
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


def _init_ray(cluster: Cluster) -> None:
    is_local = cluster.address == "local"
    options: dict[str, Any] = {}
    if is_local:
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
