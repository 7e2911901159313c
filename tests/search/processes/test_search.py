"""The main job and its faults, with real processes. Few, for each starts a Ray."""

import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from failmap.run_folder.paths import RunFolder
from failmap.search.lease import driver_of
from tests.search.processes.conftest import WORDS, Driver, ended, history, records
from tests.search.processes.undisturbed import train_again

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]

Start = Callable[..., Driver]


def assert_every_history_is_undisturbed(folder: RunFolder, scratch: Path) -> None:
    """Trains every trial again, without interruption, and compares to the last bit."""
    undisturbed, numbers = RunFolder(scratch), [record.number for record in records(folder)]
    train_again(folder, undisturbed, numbers)
    for record in records(folder):
        mine, again = history(folder, record.number), history(undisturbed, record.number)
        if record.continues is not None:
            # The last evaluation of the trial that it continues was probed for more signals.
            last = len(history(folder, record.continues)) - 1
            assert again[last]["signals"].items() <= mine[last]["signals"].items()
            mine[last]["signals"] = again[last]["signals"]
        assert mine == again, record.number


def assert_nothing_lost_nothing_repeated(folder: RunFolder) -> None:
    keys = Counter(
        (tuple(record.cell.values()), record.recipe_index, record.seed, record.continues)
        for record in records(folder)
    )
    assert set(keys.values()) == {1}
    assert [record.number for record in records(folder)] == list(range(len(keys)))
    for record in records(folder):
        assert record.summary is not None
        assert history(folder, record.number)[-1]["update"] == record.summary.updates
        assert not folder.trial(record.number).checkpoint.exists(), "finished trials keep no checkpoint"


def test_a_search_from_its_first_trial_to_its_report(start: Start, tmp_path: Path) -> None:
    # Where nothing else is said, runs lie in the folder that the user is in.
    driver = start("search.run", "space=smoke", "cluster.cpus=2", "run=whole", cwd=tmp_path)
    folder = RunFolder(tmp_path / "runs" / "whole")
    assert driver.end() == 0, driver.output

    assert "4 of 4 cells decided" in driver.output
    assert "report: runs/whole/report/index.html" in driver.output
    assert "Traceback" not in driver.output
    assert_nothing_lost_nothing_repeated(folder)
    assert set(ended(folder).values()) == {"learned", "failed"}
    table = pd.read_parquet(folder.table)
    assert len(table) == len(records(folder)) >= 16
    assert {"number", "seed", "outcome", "cause", "updates", "seconds", "score", "best_score"} <= set(table)
    assert {"chance_score", "target_score", "task.sequence_length", "model.depth"} <= set(table)
    assert (folder.report / "failure_map.png").stat().st_size > 10_000
    assert not folder.stop.exists()
    assert driver_of(folder) is None
    both = [(record.started, record.ended) for record in records(folder)]
    assert any(one[0] < other[0] < (one[1] or "") for one in both for other in both), "both slots work"

    words = ("space=smoke", "cluster.cpus=2", "run=whole", "train.clip_norm=1.0")
    again = start("search.run", *words, cwd=tmp_path)
    assert again.end() == 2
    assert "train.clip_norm: none -> 1" in again.output


@pytest.mark.long
def test_run_survives_interrupt_kill_and_lost_worker(start: Start, tmp_path: Path) -> None:
    where, folder = (f"storage={tmp_path}", "run=torn"), RunFolder(tmp_path / "torn")
    # Twice the trials of the others: on a fast machine, too, some are left after every fault.
    words = [word.replace("seeds=3", "seeds=6") for word in WORDS]
    driver = start("search.run", *words, *where)
    driver.wait_for(lambda: len(ended(folder)) >= 2)

    with driver.held():
        second = start("search.resume", *where)
        assert second.end() == 2
        assert f"process {driver.process.pid} on host" in second.output
        driver.process.send_signal(signal.SIGINT)
        driver.wait_for(folder.stop.exists)

    assert driver.end() == 130
    assert f"python -m search.resume run=torn storage={tmp_path}" in driver.output
    assert "Traceback" not in driver.output
    interrupted = ended(folder)
    assert any(record.summary is None for record in records(folder)), "nothing was under way"

    driver = start("search.resume", *where)
    driver.wait_for(lambda: len(ended(folder)) > len(interrupted))
    driver.process.kill()
    driver.end()
    killed = ended(folder)
    assert interrupted.items() <= killed.items()

    driver = start("search.resume", *where)
    # A worker of the killed driver may still end its trial, before this driver has workers of its own.
    driver.wait_for(lambda: len(ended(folder)) > len(killed) and driver.kill_worker())
    assert driver.end() == 0, driver.output
    assert "took over the run from a driver that died" in driver.output
    assert killed.items() <= ended(folder).items()
    assert set(ended(folder).values()) <= {"learned", "failed"}
    assert_nothing_lost_nothing_repeated(folder)
    assert_every_history_is_undisturbed(folder, tmp_path / "undisturbed")
    assert any(record.attempt > 1 for record in records(folder))


def test_invalid_digit_files_fail_before_the_start(start: Start, tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    words = (
        "space=smoke",
        "task=mnist",
        f"task.folder={tmp_path / 'digits'}",
        f"storage={tmp_path}",
        "run=no",
    )
    driver = start("search.run", *words)
    assert driver.end() == 2
    assert "train-images" in driver.output
    assert "Traceback" not in driver.output
    assert not (tmp_path / "no").exists()


@pytest.mark.long
def test_recipes_are_sampled_and_pruned_within_their_cell(start: Start, tmp_path: Path) -> None:
    driver = start(
        "search.run",
        "space=smoke",
        "task=adding",
        "task.sequence_length=20",
        "model.depth=1",
        "train.learning_rate.low=1e-5",
        "train.learning_rate.high=1e-1",
        "train.learning_rate.log=true",
        "train.learning_rate.default=1e-4",
        "sampler=tpe",
        "pruner=halving",
        "halving.first_rung=1",
        "halving.factor=2",
        "halving.exempt_share=0",
        "budget.recipes=6",
        "cluster.cpus=1",
        f"storage={tmp_path}",
        "run=halving",
    )
    assert driver.end() == 0, driver.output
    told_before_any_trial = driver.output.partition("trials:")[0]
    assert "preflight warn: data notes: 256 test sequences" in told_before_any_trial, "few, not enumerated"
    assert "python -m search.check space=smoke" in told_before_any_trial
    folder = RunFolder(tmp_path / "halving")
    told = [(record.purpose, record.summary) for record in records(folder) if record.summary is not None]
    assert {purpose for purpose, _ in told} >= {"default", "explore"}
    stopped = [(purpose, summary) for purpose, summary in told if summary.outcome == "censored"]
    assert stopped
    assert {purpose for purpose, _ in stopped} == {"explore"}
    assert {summary.reason for _, summary in stopped} == {"stopped by rank"}
    assert all(0 < summary.updates < 50 for _, summary in stopped)
    rates = {record.recipe["train.learning_rate"] for record in records(folder)}
    assert len(rates) == 6


@pytest.mark.long
def test_run_resumes_after_a_full_disk(start: Start, tmp_path: Path) -> None:
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(disk), "-o"]
    if subprocess.run([*mount, "size=120k"], check=False, capture_output=True).returncode:
        pytest.skip("making a small disk needs root")
    try:
        words = ("space=smoke", "cluster.cpus=1", f"storage={disk}", "run=full")
        driver = start("search.run", *words)
        assert driver.end() == 2
        assert "No space left on device; nothing that was finished is lost" in driver.output
        assert "Traceback" not in driver.output
        subprocess.run([*mount, "remount,size=20m"], check=True)
        resumed = start("search.resume", "run=full", f"storage={disk}")
        assert resumed.end() == 0, resumed.output
        assert_nothing_lost_nothing_repeated(RunFolder(disk / "full"))
        assert "4 of 4 cells decided" in resumed.output
    finally:
        subprocess.run(["umount", str(disk)], check=True)
