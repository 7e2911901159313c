"""kill -9 of the driver: at random moments of its life, on a Ray and without one."""

import time

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, time_left
from benchmarks.chaos.small_driver import small_words, start_search
from benchmarks.chaos.tally import Tally, ended_trials

#: Kills fall uniformly within so many seconds of a start: start-up, training, writing, shutdown and report.
SPAN_SECONDS = 9.0
NUM_KILLS = 100

#: The same for a driver without Ray, which lives for a second.
SMALL_SPAN_SECONDS = 0.4


def kill_drivers(lab: Lab, tally: Tally, seconds: float) -> None:
    """Kills and resumes; a run that is over by itself is compared, and the next one begun."""
    deadline = time.monotonic() + seconds
    folder = lab.new_run("driver-killed")
    driver = lab.start(folder)
    before = ended_trials(folder).keys()
    while tally.tried < NUM_KILLS and (time_left(deadline) or not tally.tried):
        time.sleep(lab.moments.uniform(0.0, SPAN_SECONDS))
        if driver.kill():
            tally.tried += 1
        else:
            lab.judge(tally, folder, driver, driver.process.returncode)
        tally.lost += len(before - ended_trials(folder).keys())
        if driver.process.returncode == 0:
            tally.compare(folder, lab.undisturbed)
            folder = lab.new_run("driver-killed")
        before = ended_trials(folder).keys()
        driver = lab.start(folder)
    if lab.bring_to_its_end(tally, folder, driver):
        tally.compare(folder, lab.undisturbed)


def kill_small_drivers(lab: Lab, tally: Tally, seconds: float) -> None:
    """The same for drivers without Ray: several kills a second."""
    deadline = time.monotonic() + seconds
    while time_left(deadline) or not tally.tried:
        folder = lab.new_run("small-driver-killed")
        while True:
            before = ended_trials(folder).keys()
            driver = start_search(small_words(lab.scratch, folder.name))
            in_time = time_left(deadline) or not tally.tried
            driver.join(lab.moments.uniform(0.0, SMALL_SPAN_SECONDS) if in_time else DRIVER_SECONDS)
            if driver.exitcode is not None:
                break
            driver.kill()
            driver.join()
            tally.tried += 1
            tally.lost += len(before - ended_trials(folder).keys())
        if driver.exitcode:
            tally.remarks.append(f"{folder.name}: exit status {driver.exitcode}")
        tally.compare(folder, lab.undisturbed_small)
