"""Draining a node asks its trials, and only them, to save and leave."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psutil
import pytest

from failmap.run_folder.errors import UserError
from failmap.search.cluster.drain_node import find_nodes, main, stop_trials


@pytest.fixture
def start() -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    """Start processes with a name of Ray's that react to SIGTERM."""
    with ExitStack() as begun:

        def begin(name: str, on_sigterm: str) -> subprocess.Popen[str]:
            script = f"trap '{on_sigterm}' TERM; echo ready; while :; do sleep 0.05; done"
            process = begun.enter_context(
                subprocess.Popen(
                    [name, "-c", script], executable="/bin/bash", stdout=subprocess.PIPE, text=True
                )
            )
            begun.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield begin


def seen(*processes: subprocess.Popen[str]) -> list[psutil.Process]:
    return [psutil.Process(process.pid) for process in processes]


@pytest.mark.parametrize("name", ["ray::TrialActor", "ray::ResourceTrainable.train"])
def test_trials_are_stopped(start: Callable[[str, str], subprocess.Popen[str]], name: str) -> None:
    trial, other = start(name, "exit 7"), start("ray::IDLE", "exit 7")
    assert stop_trials(seen(trial, other), 30)
    assert other.poll() is None


def test_slow_trial(start: Callable[[str, str], subprocess.Popen[str]]) -> None:
    assert not stop_trials(seen(start("ray::TrialActor", ":")), 0.1)


def test_seconds_are_required() -> None:
    with pytest.raises(UserError, match="seconds: must be"):
        main([])


def test_find_nodes() -> None:
    arguments = [
        "/somewhere/raylet/raylet",
        "-c",
        "echo ready; read",
        "--node_id=12ab",
        "--gcs-address=10.0.0.1:6379",
    ]
    with subprocess.Popen(
        arguments, executable="/bin/bash", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as raylet:
        assert raylet.stdout is not None
        assert raylet.stdout.readline() == "ready\n"
        assert find_nodes(seen(raylet)) == [("12ab", "10.0.0.1:6379")]
        assert find_nodes([psutil.Process()]) == []
        raylet.communicate("\n")
