"""The command stop reaches a driver through files alone."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.search.commands.stop import stop as main
from failmap.search.lease import acquire_lease

DRIVER = """
import sys
from pathlib import Path
from threading import Event
from failmap.run_folder.paths import RunFolder
from failmap.search.shutdown import Shutdown
from failmap.search.lease import acquire_lease
folder = RunFolder(Path(sys.argv[1]))
lease = acquire_lease(folder, print)
interruption = Shutdown(folder, deadline=None)
with interruption.watching():
    print("driving", flush=True)
    while interruption.reason is None:
        interruption.poll()
        Event().wait(0.01)
    while not folder.stop.exists():
        Event().wait(0.01)
lease.release()
print(interruption.reason, flush=True)
"""


@pytest.fixture
def run(folder: RunFolder) -> RunFolder:
    folder.trials.mkdir(parents=True)
    folder.config.write_text("")
    return folder


@pytest.fixture
def driver(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(run.path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "driving\n"
        yield process
        process.kill()


def arguments(run: RunFolder) -> list[str]:
    return [f"run={run.name}", f"storage={run.path.parent}"]


def test_driver_ends_and_no_flag_is_left(
    run: RunFolder, driver: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(run)) == 0
    shown = capsys.readouterr().out
    assert f"asked process {driver.pid} on host" in shown
    assert "It has ended." in shown
    assert f"python -m search.resume run={run.name} storage={run.path.parent}" in shown
    assert driver.communicate(timeout=30)[0] == "request\n"
    assert not run.stop.exists()
    assert not run.stop_request.exists()


def test_old_request_does_not_stop_the_next_session(run: RunFolder) -> None:
    from failmap.search.shutdown import Shutdown

    run.stop_request.write_text("")
    interruption = Shutdown(run, deadline=None)
    with interruption.watching():
        assert not run.stop_request.exists()
    assert interruption.reason is None


def test_dead_driver_is_reported(
    run: RunFolder, driver: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    driver.kill()
    driver.wait()
    assert main(arguments(run)) == 0
    assert f"its driver died (process {driver.pid} on host" in capsys.readouterr().out
    assert not run.stop_request.exists()


def test_run_without_a_driver_does_not_change(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    acquire_lease(run, print).release()
    assert main(arguments(run)) == 0
    assert "no driver, nothing to stop" in capsys.readouterr().out
    assert not run.stop_request.exists()


def test_unknown_key_is_refused(run: RunFolder) -> None:
    with pytest.raises(UserError, match=r"'wiat'; did you mean wait\?"):
        main([*arguments(run), "wiat=false"])
