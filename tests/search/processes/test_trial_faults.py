"""What strikes trials while they train, by real signals to real workers: one driver for all of it."""

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from failmap.run_folder.paths import RunFolder
from tests.search.processes.conftest import Driver, ended, records
from tests.search.processes.test_search import (
    assert_every_history_is_undisturbed,
    assert_nothing_lost_nothing_repeated,
)

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.xdist_group("ray")]

#: Trainings of some seconds, on two slots. On a busy machine more of them than the one may seem to hang.
WORDS = (
    "space=smoke",
    "task=adding",
    "task.sequence_length=10",
    "model.depth=1",
    "model.hidden_size=16",
    "model.dropout=0.1",
    "train.max_updates=1500",
    "train.evaluate_every=50",
    "criterion.score=0.999",
    "budget.seeds=4",
    "budget.max_seeds=4",
    "cluster.cpus=2",
    "cluster.evaluation_minutes=0.25",
    "cluster.retries={hung: 100}",
)


def last_reasons(folder: RunFolder) -> dict[str, str]:
    """What ended starts of trials, in the whole run: the reason by the kind."""
    return {fault.kind: fault.reason for record in records(folder) for fault in record.faults}


def is_training(worker: psutil.Process) -> bool:
    """Ray names its workers' processes after what they do."""
    try:
        return worker.name().endswith(".train")
    except psutil.NoSuchProcess:
        return False


def test_trials_survive_preempted_dead_and_hung_workers(start: Callable[..., Driver], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "struck")
    driver = start("search.run", *WORDS, f"storage={tmp_path}", "run=struck")
    driver.wait_for(lambda: all(folder.trial(number).history.exists() for number in (0, 1)))
    driver.wait_for(lambda: len(driver.workers()) == 2)

    # One is silent while the other slot's workers are struck, one after the other.
    silent, other = driver.workers()
    silent.send_signal(signal.SIGSTOP)
    other.send_signal(signal.SIGTERM)
    driver.wait_for(lambda: "preempted" in last_reasons(folder))
    successors: list[psutil.Process] = []

    def is_succeeded() -> bool:
        successors[:] = [worker for worker in driver.workers() if worker != silent and is_training(worker)]
        return bool(successors)

    driver.wait_for(is_succeeded)
    successors[0].kill()
    driver.wait_for(lambda: {"lost", "hung"} <= set(last_reasons(folder)))
    driver.wait_for(lambda: not silent.is_running())

    assert driver.end() == 0, driver.output
    assert "Traceback" not in driver.output
    assert_nothing_lost_nothing_repeated(folder)
    assert set(ended(folder).values()) <= {"learned", "failed"}
    assert_every_history_is_undisturbed(folder, tmp_path / "undisturbed")
    assert "was asked to leave (SIGTERM)" in last_reasons(folder)["preempted"]
    assert last_reasons(folder)["lost"] == "its worker died on 127.0.0.1"
    assert last_reasons(folder)["hung"] == "no evaluation within 0.25 minutes (cluster.evaluation_minutes)"
