"""A local Ray: nobody else reaches it, and a failed start is reported in one line."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from tests.search.long_runs import ENDLESS, PATIENCE_SECONDS

Start = Callable[..., subprocess.Popen[str]]
LONG = (*ENDLESS, "cluster.cpus=1", "run=own")

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.xdist_group("cluster")]


def test_loopback_only_and_no_token_file(driver: Start, tmp_path: Path) -> None:
    # RAY_ADDRESS names another cluster, which cluster=local ignores.
    search = driver(*LONG, f"storage={tmp_path}", RAY_ADDRESS="192.0.2.1:6379")
    assert search.stdout is not None
    for line in search.stdout:
        if "running" in line:
            break
    family = psutil.Process(search.pid).children(recursive=True)
    connections = []
    for process in (psutil.Process(search.pid), *family):
        # Some of Ray's processes are short-lived.
        with suppress(psutil.NoSuchProcess):
            connections += process.net_connections()
    listening = [ip_address(one.laddr.ip) for one in connections if one.status == psutil.CONN_LISTEN]
    # Peers as well: Ray contacts nothing outside.
    peers = [ip_address(one.raddr.ip) for one in connections if one.raddr]
    token = family[0].environ()["RAY_AUTH_TOKEN"]
    search.terminate()
    search.communicate(timeout=PATIENCE_SECONDS)
    assert len(listening) >= 5
    for address in (*listening, *peers):
        mapped = address.ipv4_mapped if address.version == 6 else None
        assert (mapped or address).is_loopback, address
    assert len(token) == 64
    assert not (tmp_path / ".ray").exists(), "no token in the home folder"


def test_failed_start(driver: Start, tmp_path: Path) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    search = driver(*LONG, f"storage={tmp_path}", RAY_TMPDIR=str(no_folder))
    output, _ = search.communicate(timeout=PATIENCE_SECONDS)
    assert search.returncode == 2, output
    assert output.splitlines()[-1].startswith("error: Ray cannot start on this machine: "), output
