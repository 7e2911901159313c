"""Shapes and types in the annotations of tensors are checked while the tests run, and only then.

What a machine's owner has set for terminals, languages, clocks and clusters reaches neither the tests nor the
processes that they start. An S3 server of its own runs beside the tests that ask for one.
"""

import os
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
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

from failmap.run_folder.storage import AnyPath, parse_location

_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
#: Clusters, buckets, databases, proxies of whoever runs the tests; the style of figures; a hook's checkout.
_THEIRS = ("RAY_", "AWS_", "FAILMAP_", "SLURM_", "PG", "MPLBACKEND", "MATPLOTLIBRC", *_OF_A_HOOK)
# Now, for some of our modules set a few of these themselves when they are imported.
for _name in list(os.environ):
    if _name.startswith(_THEIRS) or _name.lower().endswith("_proxy"):
        del os.environ[_name]

#: A terminal of one size in colours, one language, one zone; no keys but those that a test brings along.
_SURROUNDINGS = {
    "TERM": "xterm-256color",
    "COLUMNS": "80",
    "LINES": "25",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
#: What else rich and others take for a wish about colours, size or language.
_WISHES = (
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
    "LANGUAGE",
)

# However slow a machine is, or busy with others' work.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Tests import each other and the benchmarks. The root itself must stay off the path: our `datasets/` would
# shadow Hugging Face's.
for _name in ("benchmarks", "tests"):
    sys.modules[_name] = ModuleType(_name)
    sys.modules[_name].__path__ = [str(Path(__file__).parents[1] / _name)]

install_import_hook(["failmap.datasets", "failmap.models", "failmap.search.trial"], "beartype.beartype")
torch.set_num_threads(1)

BUCKET = "runs-of-tests"


@pytest.fixture(scope="session", autouse=True)
def _the_same_surroundings_everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """While tests run, and not before: pytest itself writes to the terminal that there is."""
    with pytest.MonkeyPatch.context() as surroundings:
        for name in _WISHES:
            surroundings.delenv(name, raising=False)
        for name, value in _SURROUNDINGS.items():
            surroundings.setenv(name, value)
        # Not everybody has these: services and containers.
        home = tmp_path_factory.mktemp("home")
        for name, value in {"HOME": str(home), "USER": "tester", "PATH": os.defpath}.items():
            surroundings.setenv(name, os.environ.get(name, value))
        surroundings.setenv("FAILMAP_CACHE", str(home / "cache"))
        time.tzset()
        yield
    time.tzset()


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
