"""The environment variables that Ray reads when it is imported and that depend on the address."""

import os
import secrets
import sys

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.search.cluster.authentication import authentication_mode
from failmap.search.config import Cluster

#: Makes Ray use the loopback address as its own, so that every port is bound to it
#: (services.get_node_ip_address in Ray 2.60). Without it, the ports of a Ray
#: that is started on Linux are open to all networks.
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
#: Ray's own connection waits this long for a lost head before it ends the process silently. The driver
#: notices earlier and says what to do: see `search.cluster.connection`.
_RECONNECT_TIMEOUT = {"RAY_gcs_rpc_server_reconnect_timeout_s": "300"}
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")

_prepared: list[str] = []


def prepare_ray(cluster: Cluster) -> None:
    """Set Ray's environment for an address. Must be called before Ray is imported, which reads it once.

    A local Ray listens on loopback only and requires a token that is generated here, exists only in the
    environment of this process and its children, and is never written to a file. A running Ray is asked
    whether it requires a token.

    Raises:
        UserError: No Ray answers, it refuses our token, or it accepts everybody and
            `cluster.authentication` is not none.
    """
    if _prepared:
        assert _prepared == [cluster.address], "one process uses one cluster"
        return
    assert "ray" not in sys.modules, "Ray has read its environment already"
    if cluster.address == "local":
        environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), **LOOPBACK_ONLY}
    else:
        _refuse_ray_client(cluster.address)
        environment = dict(_RECONNECT_TIMEOUT)
        if cluster.address.rpartition(":")[0] in _LOOPBACK_HOSTS:
            # Otherwise Ray looks for this host's other address, on which a Ray on loopback does not listen.
            environment |= LOOPBACK_ONLY
        environment["RAY_AUTH_MODE"] = authentication_mode(cluster, {**os.environ, **environment})
    os.environ.update(environment)
    _prepared.append(cluster.address)


def is_prepared(cluster: Cluster) -> bool:
    """Return whether `prepare_ray` was called for this address."""
    return _prepared == [cluster.address]


def _refuse_ray_client(address: str) -> None:
    """Refuse `ray://`: its protocol runs the driver itself on the cluster, where Ctrl-C does not reach it."""
    if "://" in address:
        raise UserError(
            f"cluster.address={address}: a driver joins as a node, by auto or HOST:PORT of the head "
            f"(ray start prints it); from a machine outside, use {command_line('submit')}"
        )
