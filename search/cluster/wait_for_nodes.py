"""Waits for nodes: python -m search.cluster.assembled address=HOST:PORT nodes=4 seconds=300."""

import logging
from collections.abc import Sequence
from threading import Event
from time import monotonic

import ray

from failmap.run_folder.errors import UserError, command
from failmap.search.loading.cli_args import parse_arguments


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. A cluster that stays smaller is told, and is none the less one."""
    problems: list[str] = []
    read = parse_arguments(words, problems)
    missing = [key for key in ("address", "nodes", "seconds") if key not in read]
    if problems or missing:
        raise UserError(*problems, *(f"{key}: is missing" for key in missing))
    wanted, until = int(read["nodes"].value), monotonic() + float(read["seconds"].value)
    ray.init(address=read["address"].text, log_to_driver=False, logging_level=logging.ERROR)
    try:
        while (there := sum(node["Alive"] for node in ray.nodes())) < wanted and monotonic() < until:
            Event().wait(0.5)
    finally:
        ray.shutdown()
    print(f"{there} of {wanted} nodes have joined")
    return 0


if __name__ == "__main__":
    command(main)
