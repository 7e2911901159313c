"""A Ray cluster of several nodes on one machine, with token authentication."""

import os
import random
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import TracebackType

import psutil

from benchmarks.chaos.drivers import ROOT, kill_all

START_SECONDS = 90.0
_STARTED = "Ray runtime started"


class LocalCluster:
    """A head without CPUs and nodes with one CPU each. Use as a context manager.

    Attributes:
        address: address of the head.
        environment: variables that a driver needs to connect.
    """

    def __init__(self, scratch: Path, num_nodes: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.environment: Mapping[str, str] = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            # Ray's default of 30 seconds can be too short for two nodes on two busy cores.
            "RAY_raylet_start_wait_time_s": f"{START_SECONDS:.0f}",
            # A second head on this machine must not be mistaken for the first one.
            "RAY_TMPDIR": str(scratch),
        }
        self.num_nodes = num_nodes
        self._logs = scratch / f"cluster-{self.port}"
        self._logs.mkdir()
        self._names = count()
        self._nodes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "LocalCluster":
        self._head = self._start("--head", f"--port={self.port}", "--num-cpus=0", "--include-dashboard=false")
        self._wait_for(1)
        # One by one: nodes that start at once on one machine take each other's ports.
        for num_started in range(1, self.num_nodes + 1):
            self.add_node()
            self._wait_for(1 + num_started)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lose_everything()

    def add_node(self) -> None:
        """Start another node with one CPU, which joins after some seconds."""
        self._nodes.append(self._start(f"--address={self.address}", "--num-cpus=1"))

    def lose_node(self, rng: random.Random) -> None:
        """Kill a random node with SIGKILL."""
        node = self._nodes.pop(rng.randrange(len(self._nodes)))
        _kill_tree(node)

    def lose_everything(self) -> None:
        """Kill all nodes and the head with SIGKILL."""
        for node in [*self._nodes, self._head]:
            _kill_tree(node)
        self._nodes.clear()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        with ExitStack() as stack:
            log = stack.enter_context((self._logs / f"{next(self._names)}.txt").open("wb"))
            return subprocess.Popen(
                [*command, "--node-ip-address=127.0.0.1", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment, "PYTHONPATH": str(ROOT)},
                start_new_session=True,
            )

    def _wait_for(self, num_started: int) -> None:
        """Wait until this many nodes, including the head, report that they run."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            outputs = [log.read_text(encoding="utf-8", errors="replace") for log in self._logs.iterdir()]
            if sum(_STARTED in text for text in outputs) >= num_started:
                return
            time.sleep(0.1)
        self.lose_everything()
        raise TimeoutError(f"the cluster does not start: {outputs}")


def _kill_tree(root: subprocess.Popen[bytes]) -> None:
    try:
        family = {psutil.Process(root.pid), *psutil.Process(root.pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        family = set()
    kill_all(family)
    root.wait()
