"""A small space, and runs over it whose trials end by a rule instead of a training. A database server."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from failmap.run_folder.paths import RunFolder
from failmap.search.config import RunConfig

LENGTHS, DEPTHS = [5, 10], [1, 2]
RECIPE_AXES: list[dict[str, Any]] = [
    {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "log": True, "default": 3e-3},
    {"path": "train.optimizer", "values": ["adam", "sgd"]},
    {"path": "train.momentum", "values": [0.0, 0.9], "when": {"train.optimizer": "sgd"}},
    {
        "path": "output",
        "values": [{"activation": "none", "loss": "mse"}, {"activation": "none", "loss": "huber"}],
    },
]


@pytest.fixture(scope="session")
def make_config() -> Callable[..., RunConfig]:
    def make(
        *,
        lengths: list[int] = LENGTHS,
        depths: list[int] = DEPTHS,
        widths: list[int] | None = None,
        **words: Any,
    ) -> RunConfig:
        facet = {} if widths is None else {"facet": "model.hidden_size"}
        axes = [
            {"path": "task.sequence_length", "values": lengths},
            {"path": "model.depth", "values": depths},
        ]
        if widths is not None:
            axes.append({"path": "model.hidden_size", "values": widths})
        space = {
            "name": "tiny",
            "map": {"x": "task.sequence_length", "y": "model.depth", **facet},
            "axes": axes + RECIPE_AXES,
            "base": {"task": {"name": "adding"}, "model": {"name": "lstm"}},
        }
        return RunConfig.model_validate({"run": "tiny", "space": space, **words})

    return make


@pytest.fixture
def folder(tmp_path: Any) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "tiny")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL server of this session, `postgresql://owner:PASSWORD@host:port/`."""
    # Not pytest's folder, which is root's alone where root runs the tests: PostgreSQL refuses to run as root.
    with tempfile.TemporaryDirectory(prefix="postgres-of-tests-") as folder:
        yield from serve_postgres(Path(folder))


def serve_postgres(folder: Path) -> Iterator[str]:
    password_file = folder / "password"
    password_file.write_text("correct-horse")
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for path in (folder, password_file):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    data = folder / "data"
    words = ["-U", "owner", "-A", "scram-sha-256", "--pwfile", str(password_file), "--no-sync", "-E", "UTF8"]
    made = subprocess.run(
        [postgres_program("initdb"), "-D", str(data), *words],
        capture_output=True,
        text=True,
        cwd=folder,
        **user,
    )
    assert made.returncode == 0, made.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", f"port={port}"]
    options = [word for setting in settings for word in ("-c", setting)]
    server = subprocess.Popen(
        [postgres_program("postgres"), "-D", str(data), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        **user,
    )
    address = f"postgresql://owner:correct-horse@127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(f"{address}postgres").close()
                break
            except psycopg.OperationalError:
                assert server.poll() is None, f"postgres ended with {server.returncode}"
                assert time.monotonic() < deadline, "postgres does not answer"
                time.sleep(0.05)
        yield address
    finally:
        # SIGINT: PostgreSQL's fast shutdown, which ends open sessions.
        server.send_signal(signal.SIGINT)
        server.wait()


@pytest.fixture
def database(postgres: str) -> str:
    """The address, with its password, of an empty database of this test's own."""
    name = f"runs_{secrets.token_hex(4)}"
    with psycopg.connect(f"{postgres}postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{postgres}{name}"


def postgres_program(name: str) -> str:
    """Debian keeps the server's programs off the PATH, by version."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(beside[-1]) if beside else None)
    if found is None:
        reason = f"{name} is missing: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
