"""Wait for nodes: python -m search.cluster.wait_for_nodes address=HOST:PORT nodes=4 seconds=300."""

import logging
import sys
from collections.abc import Sequence
from time import monotonic, sleep

import ray

from failmap.run_folder.errors import UserError, run_program
from failmap.search.loading.cli_args import parse_arguments


def main(arguments: Sequence[str]) -> int:
    """Run the program. It succeeds even if the cluster stays smaller, and prints its size."""
    problems: list[str] = []
    settings = parse_arguments(arguments, problems)
    missing = [key for key in ("address", "nodes", "seconds") if key not in settings]
    if problems or missing:
        raise UserError(*problems, *(f"{key}: is missing" for key in missing))
    num_nodes = int(settings["nodes"].value)
    deadline = monotonic() + float(settings["seconds"].value)
    ray.init(address=settings["address"].text, log_to_driver=False, logging_level=logging.ERROR)
    try:
        while (
            num_alive := sum(node["Alive"] for node in ray.nodes())
        ) < num_nodes and monotonic() < deadline:
            sleep(0.5)
    finally:
        ray.shutdown()
    print(f"{num_alive} of {num_nodes} nodes have joined")
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
