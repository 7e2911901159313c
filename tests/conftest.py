"""Fixtures of all tests.

Annotated shapes and types of tensors are checked while tests run. Tests and their processes do not inherit
the user's settings of terminals, languages, clocks and clusters.
"""

import os
import secrets
import signal
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

_GIT_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
#: Clusters, buckets, databases and proxies of the user; the style of figures; the checkout of a git hook.
_REMOVED = ("RAY_", "AWS_", "FAILMAP_", "SLURM_", "PG", "MPLBACKEND", "MATPLOTLIBRC", *_GIT_HOOK)
# Removed before our modules are imported, some of which set a few of these.
for _name in list(os.environ):
    if _name.startswith(_REMOVED) or _name.lower().endswith("_proxy"):
        del os.environ[_name]

#: A colour terminal of fixed size, one language, one time zone, and no credentials except a test's own.
_ENVIRONMENT = {
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
#: Other variables by which rich and others choose colours, size or language.
_PREFERENCES = (
    "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE",
    "LANGUAGE",
)  # fmt: skip

# A shell lets background programs ignore Ctrl-C, which their children inherit; tests send it to theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines may be slow or busy.
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
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set the environment while tests run, not before: pytest itself writes to the real terminal."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _PREFERENCES:
            patch.delenv(name, raising=False)
        for name, value in _ENVIRONMENT.items():
            patch.setenv(name, value)
        # Services and containers may lack these.
        home = tmp_path_factory.mktemp("home")
        for name, value in {"HOME": str(home), "USER": "tester", "PATH": os.defpath}.items():
            patch.setenv(name, os.environ.get(name, value))
        patch.setenv("FAILMAP_CACHE", str(home / "cache"))
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def _denormals() -> Iterator[None]:
    """Undo the flushing of denormals by a training: hypothesis draws floats in the same thread."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of an S3 server process with an empty bucket."""
    from benchmarks.chaos.s3_server import s3_server

    with s3_server() as port:
        urlopen(Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT"), timeout=30).close()
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def use_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Point this process and its children to an S3 server."""
    from s3fs import S3FileSystem

    def use(url: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-tests")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-tests")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # Existing clients would use the previous server.
        S3FileSystem.clear_instance_cache()

    yield use
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def s3_storage(s3_url: str, use_s3: Callable[[str], None]) -> AnyPath:
    """A new folder in the server's bucket."""
    use_s3(s3_url)
    return parse_location(f"s3://{BUCKET}/{secrets.token_hex(4)}")
