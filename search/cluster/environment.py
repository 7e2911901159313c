"""What Ray reads from the environment when it is imported, and what depends on the address."""

import os
import secrets
import sys

from failmap.run_folder.errors import UserError
from failmap.search.cluster.authentication import authentication_mode
from failmap.search.config import Cluster

#: Makes Ray use the loopback address as its own, so that every port is bound to it
#: (services.get_node_ip_address in Ray 2.60). Without it, the ports of a Ray
#: that is started on Linux are open to all networks.
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
#: How long Ray's own connection waits for a lost head before it ends the process without a word. The driver
#: notices earlier, and says what to do: see `search.cluster.head_watchdog`.
_PATIENCE_OF_RAY = {"RAY_gcs_rpc_server_reconnect_timeout_s": "300"}
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")

_prepared: list[str] = []


def prepare_ray(cluster: Cluster) -> None:
    """Sets Ray's environment for an address. Must be called before Ray is imported, which reads it once.

    A Ray that we start listens on loopback only and asks for a token that is made here, lives in the
    environment of this process and its children, and is never written down. One that runs already is asked
    whether it wants a token.

    Raises:
        UserError: no Ray answers, it refuses our token, or it lets in whoever comes and nobody allowed that.
    """
    if _prepared:
        assert _prepared == [cluster.address], "one process knows one cluster"
        return
    assert "ray" not in sys.modules, "Ray has read its environment already"
    if cluster.address == "local":
        environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), **LOOPBACK_ONLY}
    else:
        _refuse_ray_client(cluster.address)
        environment = dict(_PATIENCE_OF_RAY)
        if cluster.address.rpartition(":")[0] in _LOOPBACK_HOSTS:
            # Else Ray would ask for this host's other address, on which a Ray like ours does not listen.
            environment |= LOOPBACK_ONLY
        environment["RAY_AUTH_MODE"] = authentication_mode(cluster, {**os.environ, **environment})
    os.environ.update(environment)
    _prepared.append(cluster.address)


def is_prepared(cluster: Cluster) -> bool:
    """Whether this process set Ray's environment for this address."""
    return _prepared == [cluster.address]


def _refuse_ray_client(address: str) -> None:
    """Ray's client protocol would run the driver itself somewhere on the cluster, out of Ctrl-C's reach."""
    if "://" in address:
        raise UserError(
            f"cluster.address={address}: a driver joins as a node, by auto or HOST:PORT of the head "
            "(ray start prints it); from a machine outside, use {command_line('submit')}"
        )
