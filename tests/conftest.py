"""Shapes and types in the annotations of tensors are checked while the tests run, and only then.

An S3 server of its own runs beside the tests that ask for one.
"""

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from urllib.request import Request, urlopen

import pytest
import torch
from jaxtyping import install_import_hook

from failmap.run_folder.storage import AnyPath, parse_location

# Tests import each other and the benchmarks. The root itself must stay off the path: our `datasets/` would
# shadow Hugging Face's.
for _name in ("benchmarks", "tests"):
    sys.modules[_name] = ModuleType(_name)
    sys.modules[_name].__path__ = [str(Path(__file__).parents[1] / _name)]

install_import_hook(["failmap.datasets", "failmap.models", "failmap.search.trial"], "beartype.beartype")
torch.set_num_threads(1)

BUCKET = "runs-of-tests"


@pytest.fixture(autouse=True)
def _denormals_as_others_have_them() -> Iterator[None]:
    """A training flushes them for its thread; hypothesis draws its floats in the same one."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of a real S3 server process (moto) with an empty bucket; started when first asked for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        urlopen(Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT"), timeout=30).close()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def use_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Points this process, and those it starts, at an S3 server by its address."""
    from s3fs import S3FileSystem

    def use(url: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-tests")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-tests")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # Clients of before would go to the server of before.
        S3FileSystem.clear_instance_cache()

    yield use
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def s3_storage(s3_url: str, use_s3: Callable[[str], None]) -> AnyPath:
    """A folder in the server's bucket, this test's own."""
    use_s3(s3_url)
    return parse_location(f"s3://{BUCKET}/{secrets.token_hex(4)}")


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"moto did not start: exit status {process.poll()}")
