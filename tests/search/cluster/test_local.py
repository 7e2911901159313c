"""A Ray of our own: nobody else reaches it, and one that cannot start is told in a line."""

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

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("cluster")]


def test_every_port_is_on_loopback_and_the_token_is_in_no_file(driver: Start, tmp_path: Path) -> None:
    # An address in the environment is somebody else's cluster: cluster=local starts one of its own.
    search = driver(*LONG, f"storage={tmp_path}", RAY_ADDRESS="192.0.2.1:6379")
    assert search.stdout is not None
    for line in search.stdout:
        if "running" in line:
            break
    family = psutil.Process(search.pid).children(recursive=True)
    connections = []
    for process in (psutil.Process(search.pid), *family):
        # Some of Ray's live for a moment.
        with suppress(psutil.NoSuchProcess):
            connections += process.net_connections()
    listening = [ip_address(one.laddr.ip) for one in connections if one.status == psutil.CONN_LISTEN]
    # Whom they talk to, too: Ray asks nobody outside for anything.
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


def test_a_ray_that_cannot_start_is_one_line(driver: Start, tmp_path: Path) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    search = driver(*LONG, f"storage={tmp_path}", RAY_TMPDIR=str(no_folder))
    output, _ = search.communicate(timeout=PATIENCE_SECONDS)
    assert search.returncode == 2, output
    assert output.splitlines()[-1].startswith("error: Ray cannot start on this machine: "), output
