"""Speed, memory, files, and time to resume and to report, of many minimal trainings."""

import math
import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks.chaos.drivers import ROOT, Driver
from benchmarks.chaos.lab import Lab, open_lab
from benchmarks.chaos.tally import records_of
from failmap.run_folder.paths import RunFolder

#: One update of a network of two units.
ARGUMENTS = (
    "space=smoke",
    "task=adding",
    "task.sequence_length=2,3,4,5",
    "model.depth=1",
    "model.hidden_size=2",
    "task.test_size=64",
    "train.batch_size=2",
    "train.max_updates=1",
    "train.evaluate_every=1",
    "budget.minutes=none",
)
#: Seconds between two measurements of the driver.
LOOK_SECONDS = 0.5
#: An upper bound for a trial of this size on any machine.
SECONDS_A_TRIAL = 2.0


def real_rows(num_trials: int) -> list[tuple[str, str]]:
    """Run, report, and resume for a few more trials, each in a separate process; return rows."""
    with open_lab() as lab:
        folder = lab.new_run("load")
        where = (f"run={folder.name}", f"storage={lab.scratch}")
        seeds = math.ceil(num_trials / 4)
        budget = (f"budget.seeds={seeds}", f"budget.max_seeds={seeds}")
        driver = lab.launch("search.run", *ARGUMENTS, *budget, *where)
        rows = _watch(driver, folder, num_trials)
        return [*rows, *_after(lab, folder, num_trials, where)]


def _watch(driver: Driver, folder: RunFolder, num_trials: int) -> list[tuple[str, str]]:
    """Measure the driver's memory and open files as trials start, until it ends."""
    process = psutil.Process(driver.process.pid)
    marks: dict[int, tuple[float, int]] = {}
    most_files = 0
    deadline = time.monotonic() + num_trials * SECONDS_A_TRIAL
    targets = [num_trials // 10, num_trials * 95 // 100]
    while driver.wait(LOOK_SECONDS) is None:
        assert time.monotonic() < deadline, driver.output_text
        try:
            most_files = max(most_files, process.num_fds())
            resident = process.memory_info().rss
        except psutil.NoSuchProcess:
            break
        for target in targets:
            if target not in marks and folder.trial(target).path.exists():
                marks[target] = (time.monotonic(), resident)
    assert driver.wait(LOOK_SECONDS) == 0, driver.output_text
    (few, (began, before)), (many, (ended, after)) = sorted(marks.items())
    slope = (after - before) / 1024 / (many - few)
    return [
        ("trials", f"{len(records_of(folder)):,}"),
        ("trials per second", f"{(many - few) / (ended - began):.0f}"),
        (f"driver, memory per trial, from {few:,} to {many:,}", f"{slope:.1f} kB"),
        ("driver, maximum of open files", str(most_files)),
    ]


def _after(lab: Lab, folder: RunFolder, num_trials: int, where: tuple[str, ...]) -> list[tuple[str, str]]:
    """Measure the size on disk, the time of a report, and of a resume until its first trial starts."""
    size = int(subprocess.check_output(["du", "-s", "--block-size=1", str(folder.path)]).split()[0])
    began = time.monotonic()
    report = [sys.executable, "-m", "analysis.report", *where]
    subprocess.run(report, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    reported = time.monotonic() - began
    seeds = num_trials // 4 + 1
    next_trial = Path(str(folder.trial(len(records_of(folder))).record))
    began = time.monotonic()
    driver = lab.launch("search.resume", *where, f"budget.seeds={seeds}", f"budget.max_seeds={seeds}")
    assert driver.wait_until(next_trial.exists, seconds=120), driver.output_text
    resumed = time.monotonic() - began
    driver.ctrl_c()
    driver.wait(60)
    return [
        ("run folder, per trial", f"{size / num_trials / 1024:.1f} kB on disk"),
        ("report, from the command to its end", f"{reported:.1f} s"),
        ("resume, from the command to its first trial", f"{resumed:.1f} s"),
    ]
