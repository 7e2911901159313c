"""Ask a cluster for its nodes with this process's authentication, and print the answer.

python -m search.cluster.probe_auth ADDRESS, started by `search.cluster.environment`.
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
#: Timeouts of the head's answer and of the whole probe: Ray's client waits half a minute for a listener that
#: says nothing.
_ANSWER_SECONDS = 5.0
_ALL_SECONDS = 15


def main(address: str) -> str:
    """Return 'in', 'refused', 'no token', or why there is no answer. SIGALRM ends it if nothing answers."""
    # Without a handler: Python runs none while the compiled client waits.
    signal.alarm(_ALL_SECONDS)
    try:
        # Without it, a missing token would end this process in the compiled client, without an exception.
        ensure_token_if_auth_enabled(create_token_if_missing=False)
        client = _raylet.GcsClient(address=canonicalize_bootstrap_address_or_die(address))
        client.get_all_node_info(timeout=_ANSWER_SECONDS)
    except AuthenticationError as error:
        return "no token" if "no authentication token was found" in str(error) else "refused"
    except Exception as error:
        # Ray's client raises plain Exceptions too; the driver shows the first line.
        return str(error).splitlines()[0].rstrip(".")
    return "in"


if __name__ == "__main__":
    print(main(sys.argv[1]))
