"""Authentication at a running cluster: whether it requires a token, and whether ours is accepted."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from failmap.run_folder.errors import UserError
from failmap.search.config import Cluster

#: Timeout of a single connection.
CONNECT_SECONDS = 10.0
#: A probe ends itself; this is the limit where even its imports hang.
_PROBE_SECONDS = CONNECT_SECONDS + 30.0
#: Ray prefers these variables to the address that it is given.
_ADDRESS_VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")

Mode = Literal["token", "disabled"]


def authentication_mode(cluster: Cluster, environment: Mapping[str, str]) -> Mode:
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
    probes: dict[Mode, subprocess.Popen[str]] = {
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
    for name in _ADDRESS_VARIABLES:
        os.environ.pop(name, None)
    if _is_open_dashboard(cluster.address):
        _require_open_allowed(cluster)
        os.environ["RAY_AUTH_MODE"] = "disabled"
        return
    token_file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    if not os.environ.get("RAY_AUTH_TOKEN") and not token_file.is_file():
        raise _missing_token(cluster)
    os.environ["RAY_AUTH_MODE"] = "token"


def _require_listener(address: str) -> None:
    """Raise UserError if nothing listens at a host and port: Ray would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon and address != "auto":
        raise UserError(f"cluster.address={address}: must be local, auto, or HOST:PORT of a cluster's head")
    if not colon:
        return
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"cluster.address={address}: its port must be a number from 1 to 65535")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
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
    request = urllib.request.Request(f"{address.rstrip('/')}/api/jobs/")
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as response:
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
