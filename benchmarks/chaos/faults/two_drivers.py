"""Two drivers on one run: one wins, the other is refused."""

import time

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, last_line, time_left
from benchmarks.chaos.small_driver import small_words, start_search
from benchmarks.chaos.tally import Tally


def start_twice(lab: Lab, tally: Tally, seconds: float) -> None:
    """Pairs that resume a run at once, each on a Ray of its own."""
    deadline = time.monotonic() + seconds
    while time_left(deadline) or not tally.tried:
        _pair(lab, tally)


def start_small_twice(lab: Lab, tally: Tally, seconds: float) -> None:
    """Pairs without Ray that begin a run at once."""
    deadline = time.monotonic() + seconds
    while time_left(deadline) or not tally.tried:
        _small_pair(lab, tally)


def _pair(lab: Lab, tally: Tally) -> None:
    folder = lab.new_run("two-drivers")
    begun = lab.start(folder)
    begun.wait_until(folder.journal.exists)
    begun.kill()
    pair = [lab.start(folder), lab.start(folder)]
    tally.tried += 1
    statuses = [driver.wait(DRIVER_SECONDS) for driver in pair]
    if sorted(statuses, key=str) != [0, 2]:
        tally.remarks.append(f"{folder.name}: exit statuses {statuses}: {[last_line(d.said) for d in pair]}")
    for driver, status in zip(pair, statuses, strict=True):
        lab.judge(tally, folder, driver, status)
        if status == 2 and "stop that one first" not in driver.said:
            tally.remarks.append(f"{folder.name}: the loser says: {last_line(driver.said)}")
    tally.compare(folder, lab.undisturbed)


def _small_pair(lab: Lab, tally: Tally) -> None:
    folder = lab.new_run("two-small-drivers")
    words = small_words(lab.scratch, folder.name)
    pair = [start_search(words), start_search(words)]
    tally.tried += 1
    for driver in pair:
        driver.join(DRIVER_SECONDS)
    if sorted(driver.exitcode or 0 for driver in pair) != [0, 2]:
        tally.remarks.append(f"{folder.name}: exit statuses {[driver.exitcode for driver in pair]}")
    tally.compare(folder, lab.undisturbed_small)
