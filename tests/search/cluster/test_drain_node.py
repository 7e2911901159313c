"""Before a machine is taken away its trials are asked to save themselves, and nothing else is."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psutil
import pytest

from failmap.run_folder.errors import UserError
from failmap.search.cluster.drain_node import leave, main, nodes


@pytest.fixture
def called() -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    """Starts processes that have a name of Ray's, and do something on SIGTERM."""
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
def test_trials_are_asked_and_waited_for(
    called: Callable[[str, str], subprocess.Popen[str]], name: str
) -> None:
    trial, other = called(name, "exit 7"), called("ray::IDLE", "exit 7")
    assert leave(seen(trial, other), 30)
    assert other.poll() is None


def test_one_that_takes_too_long_is_told(called: Callable[[str, str], subprocess.Popen[str]]) -> None:
    assert not leave(seen(called("ray::TrialActor", ":")), 0.1)


def test_how_long_must_be_said() -> None:
    with pytest.raises(UserError, match="how long may the trials take"):
        main([])


def test_the_nodes_of_a_machine_are_found_with_their_clusters() -> None:
    words = [
        "/somewhere/raylet/raylet",
        "-c",
        "echo ready; read",
        "--node_id=12ab",
        "--gcs-address=10.0.0.1:6379",
    ]
    with subprocess.Popen(
        words, executable="/bin/bash", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as raylet:
        assert raylet.stdout is not None
        assert raylet.stdout.readline() == "ready\n"
        assert nodes(seen(raylet)) == [("12ab", "10.0.0.1:6379")]
        assert nodes([psutil.Process()]) == []
        raylet.communicate("\n")
