"""The environment that Ray reads when it is imported: its own address, and authentication at a cluster."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.search.config import Cluster

#: Makes Ray use the loopback address as its own, so that every port is bound to it
#: (services.get_node_ip_address in Ray 2.60). Without it, the ports of a Ray
#: that is started on Linux are open to all networks.
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
#: Timeout of a single connection.
_CONNECT_SECONDS = 10.0
#: A probe ends itself; this is the limit where even its imports hang.
_PROBE_SECONDS = 40.0

#: The address that `prepare_ray` was called for, if it was called.
prepared_addresses: list[str] = []


def prepare_ray(cluster: Cluster) -> None:
    """Set Ray's environment for an address. Must be called before Ray is imported, which reads it once.

    A local Ray listens on loopback only and requires a token that is generated here, exists only in the
    environment of this process and its children, and is never written to a file. A running Ray is asked
    whether it requires a token.

    Raises:
        UserError: No Ray answers, it refuses our token, or it accepts everybody and
            `cluster.authentication` is not none.
    """
    address = cluster.address
    if prepared_addresses:
        assert prepared_addresses == [address], "one process uses one cluster"
        return
    assert "ray" not in sys.modules, "Ray has read its environment already"
    if "://" in address:
        # The protocol of ray:// runs the driver itself on the cluster, where Ctrl-C does not reach it.
        raise UserError(
            f"cluster.address={address}: a driver joins as a node, by auto or HOST:PORT of the head "
            f"(ray start prints it); from a machine outside, use {command_line('submit')}"
        )
    if address == "local":
        environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), **LOOPBACK_ONLY}
    else:
        # Ray's own connection waits this long for a lost head before it ends the process silently. The driver
        # notices earlier and says what to do: see `search.cluster.connection`.
        environment = {"RAY_gcs_rpc_server_reconnect_timeout_s": "300"}
        if address.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]"):
            # Otherwise Ray looks for this host's other address, on which a Ray on loopback does not listen.
            environment |= LOOPBACK_ONLY
        environment["RAY_AUTH_MODE"] = authentication_mode(cluster, {**os.environ, **environment})
    os.environ.update(environment)
    prepared_addresses.append(address)


def authentication_mode(cluster: Cluster, environment: Mapping[str, str]) -> str:
    """Return the RAY_AUTH_MODE with which to join a cluster, found by probing it with and without a token.

    Ray reads the mode once per process, and `ray.init` waits 20 seconds after a wrong token: separate
    processes probe first.

    Args:
        cluster: The cluster to join.
        environment: The environment of the probes, and later of this process.

    Raises:
        UserError: No Ray answers, it refuses our token, or it accepts everybody and
            `cluster.authentication` is not none.
    """
    _require_listener(cluster.address)
    probes = {
        mode: _start_probe(cluster.address, {**environment, "RAY_AUTH_MODE": mode})
        for mode in ("token", "disabled")
    }
    answers = {mode: _answer(process, cluster.address) for mode, process in probes.items()}
    if answers["disabled"] == "in":
        _require_open_allowed(cluster)
        return "disabled"
    match answers["token"]:
        case "in":
            return "token"
        case "no token":
            raise _missing_token(cluster)
        case "refused":
            raise UserError(
                f"cluster.address={cluster.address}: this cluster refuses the token of this machine "
                "(RAY_AUTH_TOKEN, the file that RAY_AUTH_TOKEN_PATH names, or ~/.ray/auth_token)"
            )
        case reason:
            raise UserError(f"cluster.address={cluster.address}: no Ray answers there ({reason})")


def prepare_jobs_client(cluster: Cluster) -> None:
    """Set Ray's environment for a dashboard. Must be called before Ray is imported, which reads it once.

    Raises:
        UserError: Nothing answers, there is no token and the cluster requires one, or it accepts everybody
            and `cluster.authentication` is not none.
    """
    # Ray prefers these variables to the address that it is given.
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"):
        os.environ.pop(name, None)
    is_open = _is_open_dashboard(cluster.address)
    if is_open:
        _require_open_allowed(cluster)
    elif not os.environ.get("RAY_AUTH_TOKEN"):
        token_file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token")
        if not token_file.expanduser().is_file():
            raise _missing_token(cluster)
    os.environ["RAY_AUTH_MODE"] = "disabled" if is_open else "token"


def _require_listener(address: str) -> None:
    """Raise UserError if nothing listens at a host and port: Ray would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if address == "auto":
        return
    if not colon:
        raise UserError(f"cluster.address={address}: must be local, auto, or HOST:PORT of a cluster's head")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"cluster.address={address}: its port must be a number from 1 to 65535")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"cluster.address={address}: no Ray answers there ({error.strerror or error})"
        ) from None


def _start_probe(address: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "failmap.search.cluster.probe_auth", address],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def _answer(probe: subprocess.Popen[str], address: str) -> str:
    """Return the last line that a probe printed. Raises UserError if it timed out."""
    try:
        output, _ = probe.communicate(timeout=_PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        probe.kill()
        output, _ = probe.communicate()
    if probe.returncode in (-signal.SIGALRM, -signal.SIGKILL):
        raise UserError(f"cluster.address={address}: what listens there does not answer as a Ray does")
    lines = output.strip().splitlines()
    return lines[-1] if lines else f"the probe exited with status {probe.returncode}"


def _is_open_dashboard(address: str) -> bool:
    """Return whether a dashboard lists its jobs without a token. Raises UserError if none answers."""
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/api/jobs/", timeout=_CONNECT_SECONDS) as response:
            response.read()
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code in (401, 403):
            return False
        reason = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
        raise UserError(f"cluster.address={address}: no Ray dashboard answers there ({reason})") from None
    return True


def _require_open_allowed(cluster: Cluster) -> None:
    if cluster.authentication != "none":
        raise UserError(
            f"cluster.address={cluster.address}: this cluster runs the code of everybody who reaches it: "
            "set RAY_AUTH_MODE=token and run `ray get-auth-token --generate` on every node before ray start, "
            "or set cluster.authentication=none"
        )


def _missing_token(cluster: Cluster) -> UserError:
    return UserError(
        f"cluster.address={cluster.address}: this cluster requires a token, and there is none here: "
        "put it into ~/.ray/auth_token, or into RAY_AUTH_TOKEN"
    )
