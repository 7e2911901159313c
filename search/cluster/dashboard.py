"""Whether a cluster's dashboard asks for a token, found out before Ray is imported."""

import os
import urllib.error
import urllib.request
from pathlib import Path

from failmap.analysis.errors import UserError
from failmap.search.cluster.authentication import CONNECT_SECONDS
from failmap.search.config import Cluster

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
