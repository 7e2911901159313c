"""Whether a running cluster asks for a token, and whether ours is the right one."""

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

#: How long a cluster may take to answer at all.
CONNECT_SECONDS = 10.0
#: A knock ends itself; that is not to be waited for where already its imports hang.
_PROBE_SECONDS = CONNECT_SECONDS + 30.0

Mode = Literal["token", "disabled"]


def authentication_mode(cluster: Cluster, environment: Mapping[str, str]) -> Mode:
    """What RAY_AUTH_MODE must be in order to join, found by knocking both with our token and without any.

    Ray reads the mode once in a process, and a wrong token makes `ray.init` wait for 20 seconds: so that
    processes of their own knock first.

    Args:
        cluster: the one to join.
        environment: of the processes that knock, and later of ours.

    Raises:
        UserError: no Ray answers, it refuses our token, or it lets in whoever comes and
            `cluster.authentication` is not none.
    """
    refuse_silence(cluster.address)
    knocks: dict[Mode, subprocess.Popen[str]] = {
        mode: _knock(cluster.address, {**environment, "RAY_AUTH_MODE": mode})
        for mode in ("token", "disabled")
    }
    answers = {mode: _answer(process, cluster.address) for mode, process in knocks.items()}
    if answers["disabled"] == "in":
        if cluster.authentication == "none":
            return "disabled"
        raise UserError(
            f"cluster.address={cluster.address}: this cluster lets everybody in who reaches it, and runs "
            "their code: set RAY_AUTH_MODE=token and run `ray get-auth-token --generate` on every node "
            "before ray start, or say cluster.authentication=none"
        )
    if answers["token"] == "in":
        return "token"
    if answers["token"] == "no token":
        raise UserError(
            f"cluster.address={cluster.address}: this cluster asks for a token, and there is none here: "
            "put it into ~/.ray/auth_token, or into RAY_AUTH_TOKEN"
        )
    if answers["token"] == "refused":
        raise UserError(
            f"cluster.address={cluster.address}: this cluster refuses the token of this machine "
            "(RAY_AUTH_TOKEN, the file that RAY_AUTH_TOKEN_PATH names, or ~/.ray/auth_token)"
        )
    raise UserError(f"cluster.address={cluster.address}: no Ray answers there ({answers['token']})")


def refuse_silence(address: str) -> None:
    """Raises UserError where nothing listens at a host and port: Ray would wait for minutes."""
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


def _knock(address: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "failmap.search.cluster.probe_auth", address],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def _answer(process: subprocess.Popen[str], address: str) -> str:
    """What a knock printed last. Raises UserError where it waited in vain."""
    try:
        output, _ = process.communicate(timeout=_PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    if process.returncode in (-signal.SIGALRM, -signal.SIGKILL):
        raise UserError(f"cluster.address={address}: what listens there does not answer as a Ray does")
    lines = output.strip().splitlines()
    return lines[-1] if lines else f"the knock ended with status {process.returncode}"


#: Ray reads them in preference to the address that it is given.
_ADDRESS_VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")


def prepare_jobs_client(cluster: Cluster) -> None:
    """Sets Ray's environment for a dashboard. Must be called before Ray is imported, which reads it once.

    Raises:
        UserError: nothing answers; it asks for a token and there is none; or it lets in whoever comes and
            `cluster.authentication` is not none.
    """
    for name in _ADDRESS_VARIABLES:
        os.environ.pop(name, None)
    if _lets_everybody_in(cluster.address):
        if cluster.authentication != "none":
            raise UserError(
                f"cluster.address={cluster.address}: this cluster lets everybody in who reaches it, and runs "
                "their code: set RAY_AUTH_MODE=token and run `ray get-auth-token --generate` on every node "
                "before ray start, or say cluster.authentication=none"
            )
        os.environ["RAY_AUTH_MODE"] = "disabled"
        return
    token_file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    if not os.environ.get("RAY_AUTH_TOKEN") and not token_file.is_file():
        raise UserError(
            f"cluster.address={cluster.address}: this cluster asks for a token, and there is none here: "
            "put it into ~/.ray/auth_token, or into RAY_AUTH_TOKEN"
        )
    os.environ["RAY_AUTH_MODE"] = "token"


def _lets_everybody_in(address: str) -> bool:
    """Asks for the list of jobs, without a token. Raises UserError where no dashboard answers."""
    request = urllib.request.Request(f"{address.rstrip('/')}/api/jobs/")
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as response:
            response.read()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return False
        raise UserError(f"cluster.address={address}: no Ray dashboard answers there ({error})") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"cluster.address={address}: no Ray dashboard answers there ({reason})") from None
    return True
