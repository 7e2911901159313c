"""Authentication at clusters with a token, open ones, and addresses without a Ray."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from failmap.run_folder.errors import UserError
from failmap.search.cluster.environment import LOOPBACK_ONLY, authentication_mode
from failmap.search.config import Cluster


def probed(address: str, home: Path, authentication: str = "token", **own: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    cluster = Cluster.model_validate({"address": address, "authentication": authentication})
    return authentication_mode(cluster, {**clean, "HOME": str(home), **LOOPBACK_ONLY, **own})


@pytest.mark.ray
@pytest.mark.xdist_group("cluster")
@pytest.mark.parametrize(
    ("own", "message"),
    [
        pytest.param({}, "requires a token, and there is none here", id="no token"),
        pytest.param({"RAY_AUTH_TOKEN": "wrong"}, "refuses the token of this machine", id="wrong token"),
    ],
)
def test_token(two_nodes: Any, tmp_path: Path, own: dict[str, str], message: str) -> None:
    assert probed(two_nodes.address, tmp_path, **two_nodes.environment()) == "token"
    with pytest.raises(UserError, match=message):
        probed(two_nodes.address, tmp_path, **own)


@pytest.mark.ray
@pytest.mark.xdist_group("cluster")
def test_open_cluster(open_head: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"everybody .* cluster\.authentication=none"):
        probed(open_head.address, tmp_path, RAY_AUTH_TOKEN="mine")
    assert probed(open_head.address, tmp_path, "none") == "disabled"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("head", "must be local, auto, or HOST:PORT"),
        ("127.0.0.1:70000", "its port must be a number from 1 to 65535"),
        ("no.such.host.invalid:6379", "no Ray answers there"),
    ],
)
def test_impossible_addresses(tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        probed(address, tmp_path)


def test_closed_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UserError, match="no Ray answers there"):
            probed(f"127.0.0.1:{taken.getsockname()[1]}", tmp_path)


@pytest.mark.long
def test_silent_listener(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(UserError, match="does not answer as a Ray"):
            probed(f"127.0.0.1:{port}", tmp_path, "none")
