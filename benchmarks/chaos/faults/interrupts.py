"""Ctrl-C once, which saves running trials, and twice, which ends at once."""

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab
from benchmarks.chaos.tally import Tally, ended_trials

#: Allowed time after the second Ctrl-C.
AT_ONCE_SECONDS = 10.0


def press_ctrl_c(lab: Lab, tally: Tally) -> None:
    """Press once and twice in turn, at random times after a driver's first trial has ended."""
    while tally.goes_on:
        folder = lab.new_run("ctrl-c")
        driver = lab.start(folder)
        while tally.has_time or not ended_trials(folder):
            num_before = len(ended_trials(folder))
            if not driver.wait_until(lambda: len(ended_trials(folder)) > num_before):  # noqa: B023
                break
            driver.wait(lab.rng.uniform(0.0, 2.0))
            tally.tried += driver.is_alive
            driver.ctrl_c()
            if tally.tried % 2:
                status = driver.wait(DRIVER_SECONDS)
            else:
                driver.wait(lab.rng.uniform(0.0, 0.3))
                driver.ctrl_c()
                status = driver.wait(AT_ONCE_SECONDS)
                if status is None:
                    tally.remarks.append(f"two Ctrl-C: still running after {AT_ONCE_SECONDS:.0f} s")
            lab.check_exit(tally, folder, driver, status)
            driver.sweep()
            driver = lab.start(folder)
        if not lab.finish(tally, folder, driver):
            return
        tally.compare(folder, lab.undisturbed)
