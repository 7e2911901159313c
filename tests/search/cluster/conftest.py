"""Fixtures: real Ray clusters on this machine, and drivers that join them."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class TwoNodes:
    """A cluster: its address, its token (None for an open one), and the processes of its head."""

    address: str
    token: str | None
    head: tuple[int, ...]
    process: int

    def environment(self) -> dict[str, str]:
        """Return the environment that a driver needs to join."""
        return {} if self.token is None else {"RAY_AUTH_TOKEN": self.token}


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[TwoNodes]:
    """Yield a cluster with a token. A test that kills it must be the last."""
    yield from _started(secrets.token_hex(16), num_nodes=2)


@pytest.fixture(scope="session")
def open_head() -> Iterator[TwoNodes]:
    """Yield an open cluster."""
    yield from _started(None, num_nodes=1)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start searches as a user does, without a token of the user's own; killed at the end."""
    begun: list[subprocess.Popen[str]] = []

    def start(*words: str, module: str = "search.run", **environment: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={
                **clean,
                "HOME": str(tmp_path),
                "COLUMNS": "200",
                # Trials run on the CPU, whatever the machine has.
                "CUDA_VISIBLE_DEVICES": "",
                **environment,
            },
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def _started(token: str | None, *, num_nodes: int) -> Iterator[TwoNodes]:
    mode = {"RAY_AUTH_MODE": "disabled"} if token is None else {"RAY_AUTH_MODE": "token"}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "two_nodes.py"), str(num_nodes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={
            **os.environ,
            **mode,
            "RAY_AUTH_TOKEN": token or "",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "CUDA_VISIBLE_DEVICES": "",
        },
    )
    assert process.stdin is not None
    assert process.stdout is not None
    described = json.loads(process.stdout.readline())
    family = psutil.Process(process.pid).children(recursive=True)
    yield TwoNodes(described["address"], token, tuple(described["head"]), process.pid)
    process.stdin.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
    for member in family:
        if member.is_running():
            member.kill()
