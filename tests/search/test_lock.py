import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from analysis.errors import UserError
from analysis.records import RunFolder
from search.lock import take_lease

DRIVER = """
import sys
from pathlib import Path
from analysis.records import RunFolder
from search.lock import take_lease
take_lease(RunFolder(Path(sys.argv[1])), print)
print("driving", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_driver(folder: RunFolder) -> Iterator[subprocess.Popen[str]]:
    folder.path.mkdir(parents=True)
    command = [sys.executable, "-c", DRIVER, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "driving\n"
        yield process
        process.kill()


def test_a_second_driver_is_refused_by_host_and_process(
    folder: RunFolder, other_driver: subprocess.Popen[str]
) -> None:
    with pytest.raises(UserError, match=f"process {other_driver.pid} on host {socket.gethostname()}"):
        take_lease(folder, print)


def test_the_lock_of_a_driver_that_was_killed_is_taken_over_and_told(
    folder: RunFolder, other_driver: subprocess.Popen[str]
) -> None:
    other_driver.kill()
    other_driver.wait()
    told: list[str] = []
    take_lease(folder, told.append)
    assert len(told) == 1
    assert f"process {other_driver.pid}" in told[0]
    with pytest.raises(UserError, match="is driven by"):
        take_lease(folder, print)


def test_a_process_with_the_same_id_but_another_start_does_not_hold_it(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    take_lease(folder, print)
    owner = json.loads(folder.lock.read_text())
    folder.lock.write_text(json.dumps({**owner, "started": owner["started"] - 3600}))
    told: list[str] = []
    take_lease(folder, told.append)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("content", "way_on"),
    [
        ('{"host": "elsewhere", "pid": 1, "started": 0.0}', "if that host is gone for good, delete"),
        ("", "if no driver runs, delete"),
        ("[]", "if no driver runs, delete"),
    ],
)
def test_what_cannot_be_known_from_here_is_refused_with_the_way_on(
    folder: RunFolder, content: str, way_on: str
) -> None:
    folder.path.mkdir(parents=True)
    folder.lock.write_text(content)
    with pytest.raises(UserError, match=way_on):
        take_lease(folder, print)
    assert folder.lock.read_text() == content


def test_only_the_own_lock_is_given_back(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    lease = take_lease(folder, print)
    lease.release()
    assert not folder.lock.exists()
    folder.lock.write_text('{"host": "elsewhere", "pid": 1, "started": 0.0}')
    lease.release()
    assert folder.lock.exists()
