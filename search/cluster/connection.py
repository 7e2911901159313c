"""A connection to Ray: one that is started for the run and ends with it, or one that runs already."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from analysis.errors import UserError
from search.config import Cluster

#: How long a cluster may take to answer at all.
CONNECT_SECONDS = 10.0


@contextmanager
def connected(cluster: Cluster) -> Iterator[None]:
    """Connects to Ray for as long as the context lasts.

    Raises:
        UserError: no Ray answers at the address.
    """
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if cluster.address == "local":
        ray.init(num_cpus=cluster.cpus, include_dashboard=False, **common)
    else:
        _refuse_silence(cluster.address)
        try:
            ray.init(address=cluster.address, **common)
        except (ConnectionError, ValueError) as error:
            raise UserError(f"cluster.address={cluster.address}: no Ray answers there ({error})") from None
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _refuse_silence(address: str) -> None:
    """Raises UserError where nothing listens at a host and port: Ray would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(f"cluster.address={address}: no Ray answers there ({error})") from None
