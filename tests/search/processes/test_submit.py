"""A run as a job of a real cluster: submitted, followed, stopped remotely, and continued."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from ray._private.runtime_env.packaging import create_package

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.cluster.check_packages import OTHER_NAMES, REQUIRED, missing_packages
from failmap.search.cluster.job_package import PACKAGE, code_environment, ship
from failmap.search.commands.clusters import submit as main
from failmap.search.loading import load, to_yaml
from failmap.search.provenance import describe_code
from tests.search.long_runs import ENDLESS, NO_LIMIT
from tests.search.processes.conftest import ROOT, Driver

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("cluster")]

Start = Callable[..., Driver]


@dataclass(frozen=True)
class Head:
    """A cluster of one node, whose dashboard asks for a token."""

    address: str
    token: str


@pytest.fixture
def head() -> Iterator[Head]:
    token, (port, dashboard_port, agent_port) = secrets.token_hex(16), _free_ports(3)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    # On a cluster `python` is the one that Ray runs under; here its environment need not be the active one.
    clean["PATH"] = f"{Path(sys.executable).parent}:{clean['PATH']}"
    with subprocess.Popen(
        [
            Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--num-cpus=1",
            "--node-ip-address=127.0.0.1", f"--port={port}", "--dashboard-host=127.0.0.1",
            f"--dashboard-port={dashboard_port}",
            # The default is taken where another cluster runs, and then no job can be submitted.
            f"--dashboard-agent-listen-port={agent_port}", "--object-store-memory=80000000",
            "--disable-usage-stats", f"--temp-dir=/tmp/failmap-{os.getpid()}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **clean,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token,
            "CUDA_VISIBLE_DEVICES": "",
            # As search.cluster.environment has it: on loopback only.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        },
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert any("Ray runtime started" in line for line in process.stdout)
        yield Head(f"http://127.0.0.1:{dashboard_port}", token)
        process.terminate()
        process.stdout.read()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.mark.long
def test_job_lifecycle(head: Head, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = (f"storage={tmp_path}", "run=job")
    begun = (*where, *(word for word in ENDLESS if word != NO_LIMIT), f"cluster.address={head.address}")
    words = (*begun, NO_LIMIT)
    folder = RunFolder(tmp_path / "job")

    def submitted(*words: str) -> Driver:
        driver = start("search.submit", *words)
        assert driver.end() == 0, driver.output
        return driver

    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    stranger = start("search.submit", *words)
    assert stranger.end() == 2
    assert "requires a token, and there is none here" in stranger.output

    monkeypatch.setenv("RAY_AUTH_TOKEN", head.token)
    follower = start("search.submit", *words)
    follower.wait_for(lambda: "1 running" in follower.output)
    assert "run job submitted as failmap-job-" in follower.output

    follower.process.send_signal(signal.SIGINT)
    assert follower.end() == 130, follower.output
    assert "No longer following" in follower.output

    again = submitted(*words, "follow=false")
    assert "run job is running as failmap-job-" in again.output

    other = start("search.submit", *words, "cluster.retries.lost=4")
    assert other.end() == 2
    assert "is running with other arguments" in other.output
    assert "would get cluster.retries.lost=4" in other.output

    stop = start("search.stop", *where)
    assert stop.end() == 0, stop.output
    assert "It has ended." in stop.output

    last = start("search.submit", *begun, "budget.minutes=0.1")
    while last.end() == 2:
        # The driver had given the run back, and was still drawing its map.
        assert "would get budget.minutes=0.1" in last.output
        last = start("search.submit", *begun, "budget.minutes=0.1")
    assert last.process.returncode == 0, last.output
    assert ".2, with" in last.output, "the second attempt of the same run"
    stored = json.loads(folder.provenance.read_text())
    assert len(stored["sessions"]) == 2
    (code,) = stored["codes"].values()
    assert code["revision"] == describe_code(ROOT)["revision"], "the job's folder has no git, and knows it"
    assert head.token not in folder.provenance.read_text() + last.output + follower.output

    here = (f"storage={tmp_path}", f"cluster.address={head.address}")
    ended = start("search.status", "run=job", *here)
    assert ended.end() == 0, ended.output
    assert re.search(r"job failmap-job-\w+\.2: succeeded", ended.output)

    # Storage that the job cannot write to: it ends before its run's folder exists.
    unwritable = ("run=early", "storage=/proc/runs", f"cluster.address={head.address}")
    early = start("search.submit", *begun[2:-1], *unwritable)
    assert early.end() != 0, early.output
    assert "submitted as" in early.output
    failed = start("search.status", *unwritable)
    assert failed.end() == 2
    assert re.search(r"job failmap-early-\w+\.1: failed: .*/proc/runs", failed.output), failed.output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["run=a", "storage=/shared"], "cluster.address: is missing"),
        (["run=a", "storage=/shared", "cluster.address=auto"], "must be the dashboard"),
        (["storage=/shared", "cluster.address=http://h:1"], "run: is missing"),
        (["run=a", "cluster.address=http://h:1"], "storage=runs: must be visible to every node"),
        (["run=a", "storage=my/runs", "cluster.address=http://h:1"], "storage=my/runs: must be visible"),
        (["run=a", "storage=/shared", "cluster.address=http://h:1", "follow=maybe"], "follow=maybe: must be"),
        (["run=a", "storage=/shared", "cluster.address=http://h:1", "plan=true"], "plans are made here"),
        (
            ["run=a", "storage=/shared", "cluster.address=http://127.0.0.1:9"],
            "no Ray dashboard answers there",
        ),
    ],
)
def test_mistakes_are_reported_before_anything_is_sent(arguments: list[str], problem: str) -> None:
    with pytest.raises(UserError) as raised:
        main(["space=smoke", *arguments])
    assert problem in str(raised.value)


def test_taken_name_with_another_configuration_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    where = ["space=smoke", f"storage={tmp_path}", "run=taken"]
    folder = RunFolder(tmp_path / "taken")
    folder.path.mkdir()
    folder.config.write_text(to_yaml(load(where)))
    nowhere = "cluster.address=http://127.0.0.1:9"
    with pytest.raises(UserError, match="exists already") as refused:
        main([*where, nowhere, "train.clip_norm=1.0"])
    assert any(problem.startswith("train.clip_norm") for problem in refused.value.problems)
    with pytest.raises(UserError, match="no Ray dashboard"):
        main([*where, nowhere, "budget.minutes=3"])


def _package_files() -> set[str]:
    """Return all files of the package, with the links of a checkout followed."""
    return {
        (Path(folder) / name).relative_to(PACKAGE.parent).as_posix()
        for folder, _, names in os.walk(PACKAGE, followlinks=True)
        for name in names
        if "__pycache__" not in folder
    }


def test_shipment_holds_the_whole_package_and_the_users_files(tmp_path: Path) -> None:
    space, shipment = tmp_path / "my space.yaml", tmp_path / "shipment"
    space.write_text("question: Why?\n")
    shipment.mkdir()
    assert ship([f"space={space}", "model.depth=1"], shipment) == [
        "space=space/my space.yaml",
        "model.depth=1",
    ]
    shipped = {path.relative_to(shipment).as_posix() for path in shipment.rglob("*") if path.is_file()}
    assert shipped == {*_package_files(), "failmap/shipped_code.json", "job/space/my space.yaml"}
    assert {"failmap/search/study.py", "failmap/models/network.py"} <= shipped
    assert not any(path.is_symlink() for path in shipment.rglob("*"))
    assert (shipment / "job" / "space" / "my space.yaml").read_text() == "question: Why?\n"


def test_packages_that_a_job_checks_are_those_of_the_project() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\[<>=]", each)[0] for each in dependencies}
    assert {name for name in REQUIRED if not missing_packages([name])} == set(REQUIRED)
    assert {OTHER_NAMES.get(name, name) for name in REQUIRED} == names


def test_missing_packages_are_named_in_one_line(tmp_path: Path) -> None:
    module = "failmap.search.cluster.check_packages"
    # Without site-packages, as in an image that has Python alone.
    ended = subprocess.run(
        [sys.executable, "-S", "-m", module], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: the Python of this cluster")
    assert "optuna" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_ray_packs_the_whole_package(tmp_path: Path) -> None:
    environment = code_environment()
    (package,) = environment["py_modules"]
    archive = tmp_path / "package.zip"
    create_package(
        package, archive, include_gitignore=True, include_parent_dir=True, excludes=environment["excludes"]
    )
    files = {name for name in zipfile.ZipFile(archive).namelist() if not name.endswith("/")}
    assert files == _package_files()
