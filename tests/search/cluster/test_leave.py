"""Before a machine is taken away its trials are asked to save themselves, and nothing else is."""

import subprocess
from collections.abc import Callable, Iterator

import psutil
import pytest

from analysis.errors import UserError
from search.cluster.leave import leave, main


@pytest.fixture
def called() -> Iterator[Callable[[str, str], psutil.Popen]]:
    """Starts processes that have a name of Ray's, and do something on SIGTERM."""
    begun: list[psutil.Popen] = []

    def begin(name: str, on_sigterm: str) -> psutil.Popen:
        script = f"trap '{on_sigterm}' TERM; echo ready; while :; do read -t 0.05 <> <(:); done"
        begun.append(
            psutil.Popen(
                ["bash", "-c", f'exec -a {name!r} bash -c "$0"', script], stdout=subprocess.PIPE, text=True
            )
        )
        assert begun[-1].stdout.readline() == "ready\n"
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["ray::TrialActor", "ray::ResourceTrainable.train"])
def test_trials_are_asked_and_waited_for(called: Callable[[str, str], psutil.Popen], name: str) -> None:
    trial, other = called(name, "exit 7"), called("ray::IDLE", "exit 7")
    assert leave([trial, other], 30)
    assert trial.wait() == 7
    assert other.is_running()


def test_one_that_takes_too_long_is_told(called: Callable[[str, str], psutil.Popen]) -> None:
    assert not leave([called("ray::TrialActor", ":")], 0.1)


def test_how_long_must_be_said() -> None:
    with pytest.raises(UserError, match="how long may the trials take"):
        main([])
