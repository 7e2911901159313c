"""kill -9 of the driver at random times, with and without Ray."""

import time

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab
from benchmarks.chaos.small_driver import small_arguments, start_search
from benchmarks.chaos.tally import Tally, ended_trials

#: Kills are uniform over these seconds after a start: start-up, training, writing, shutdown and report.
SPAN_SECONDS = 9.0
NUM_KILLS = 100

#: The same for a driver without Ray, which runs for a second.
SMALL_SPAN_SECONDS = 0.4


def kill_drivers(lab: Lab, tally: Tally) -> None:
    """Kill and resume; a run that ends by itself is compared, and the next one started."""
    folder = lab.new_run("driver-killed")
    driver = lab.start(folder)
    before = ended_trials(folder).keys()
    while tally.tried < NUM_KILLS and tally.goes_on:
        time.sleep(lab.rng.uniform(0.0, SPAN_SECONDS))
        if driver.kill():
            tally.tried += 1
        else:
            lab.check_exit(tally, folder, driver, driver.process.returncode)
        tally.lost += len(before - ended_trials(folder).keys())
        if driver.process.returncode == 0:
            tally.compare(folder, lab.undisturbed)
            folder = lab.new_run("driver-killed")
        before = ended_trials(folder).keys()
        driver = lab.start(folder)
    if lab.finish(tally, folder, driver):
        tally.compare(folder, lab.undisturbed)


def kill_small_drivers(lab: Lab, tally: Tally) -> None:
    """Kill drivers without Ray, several per second."""
    while tally.goes_on:
        folder = lab.new_run("small-driver-killed")
        while True:
            before = ended_trials(folder).keys()
            driver = start_search(small_arguments(lab.scratch, folder.name))
            driver.join(lab.rng.uniform(0.0, SMALL_SPAN_SECONDS) if tally.goes_on else DRIVER_SECONDS)
            if driver.exitcode is not None:
                break
            driver.kill()
            driver.join()
            tally.tried += 1
            tally.lost += len(before - ended_trials(folder).keys())
        if driver.exitcode:
            tally.remarks.append(f"{folder.name}: exit status {driver.exitcode}")
        tally.compare(folder, lab.undisturbed_small)
