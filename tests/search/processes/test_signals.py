"""Signals to a search with its own Ray: each ends it cleanly, and nothing that was saved is lost."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import time

import psutil
import pytest

from failmap.run_folder.paths import RunFolder
from failmap.search.run_status import read_run_status
from tests.search.long_runs import ENDLESS
from tests.search.processes.conftest import Driver, history

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.xdist_group("ray")]

Start = Callable[..., Driver]


def signal_group(driver: Driver, number: int) -> None:
    """Send a signal to the driver's process group, as `kill` and a closed terminal do."""
    os.killpg(os.getpgid(driver.process.pid), number)


def signal_twice(driver: Driver, number: int) -> None:
    driver.process.send_signal(number)
    driver.wait_for(lambda: "Stopping" in driver.output)
    driver.process.send_signal(number)


def test_every_signal_ends_the_search_cleanly(start: Start, tmp_path: Path) -> None:
    where, folder = (f"storage={tmp_path}", "run=told"), RunFolder(tmp_path / "told")
    ends: list[Callable[[Driver], None]] = [
        lambda driver: signal_group(driver, signal.SIGTERM),
        lambda driver: signal_group(driver, signal.SIGHUP),
        lambda driver: signal_twice(driver, signal.SIGINT),
    ]
    num_before = 0
    for index, end in enumerate(ends):
        driver = start(
            *(("search.resume", *where) if index else ("search.run", *ENDLESS, "cluster.cpus=1", *where))
        )

        def grown(num_before: int = num_before) -> bool:
            return folder.trial(0).history.exists() and len(history(folder, 0)) > num_before

        driver.wait_for(grown)
        family = psutil.Process(driver.process.pid).children(recursive=True)
        own_group = os.getpgid(driver.process.pid)
        assert all(os.getpgid(each.pid) != own_group for each in family if each.is_running())
        end(driver)
        assert driver.end() == 130, driver.output
        assert "Stopping; saving 1 running trial" in driver.output
        assert "Traceback" not in driver.output
        assert "lost" not in driver.output
        assert read_run_status(folder, time()).state == "stopped"
        assert folder.trial(0).checkpoint.exists(), "saved"
        _, alive = psutil.wait_procs(family, timeout=30)
        assert not alive, "Ray has ended with its driver"
        num_before = len(history(folder, 0))
