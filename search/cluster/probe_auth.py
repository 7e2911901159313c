"""Asks a cluster for its nodes, with the authentication of this process's environment, and says how it went.

A program for `search.cluster.authentication`: python -m search.cluster.knock ADDRESS
"""

import signal
import sys
from importlib import import_module
from typing import Any

from ray._private.authentication.authentication_token_setup import ensure_token_if_auth_enabled
from ray._private.services import canonicalize_bootstrap_address_or_die
from ray.exceptions import AuthenticationError

#: Compiled, and without types.
_raylet: Any = import_module("ray._raylet")
#: How long the cluster's head may take for an answer, and for all of it: Ray's client waits for half a minute
#: for something that listens and says nothing.
_ANSWER_SECONDS = 5.0
_ALL_SECONDS = 15


def main(address: str) -> str:
    """'in', 'refused', 'no token', or why there is no answer. SIGALRM ends it where nothing answers."""
    # Not handled: nothing in Python hears of it while the compiled client waits.
    signal.alarm(_ALL_SECONDS)
    try:
        # Without it, a missing token would end this process in the compiled client, without an exception.
        ensure_token_if_auth_enabled(create_token_if_missing=False)
        client = _raylet.GcsClient(address=canonicalize_bootstrap_address_or_die(address))
        client.get_all_node_info(timeout=_ANSWER_SECONDS)
    except AuthenticationError as error:
        return "no token" if "no authentication token was found" in str(error) else "refused"
    except Exception as error:
        # Ray's client raises whatever comes: the driver shows it in its one line.
        return str(error).splitlines()[0].rstrip(".")
    return "in"


if __name__ == "__main__":
    print(main(sys.argv[1]))
