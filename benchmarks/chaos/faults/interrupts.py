"""Ctrl-C once, which saves what runs, and twice, which ends at once."""

import time

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, time_left
from benchmarks.chaos.tally import Tally, ended_trials

#: At most so long after the second Ctrl-C.
AT_ONCE_SECONDS = 10.0


def press_ctrl_c(lab: Lab, tally: Tally, seconds: float) -> None:
    """In turn once and twice, at random moments after the first trial of a start has ended."""
    deadline = time.monotonic() + seconds
    while time_left(deadline) or not tally.tried:
        folder = lab.new_run("ctrl-c")
        driver = lab.start(folder)
        while time_left(deadline) or not ended_trials(folder):
            num_before = len(ended_trials(folder))
            if not driver.wait_until(lambda: len(ended_trials(folder)) > num_before):  # noqa: B023
                break
            driver.wait(lab.moments.uniform(0.0, 2.0))
            tally.tried += driver.is_alive
            driver.ctrl_c()
            if tally.tried % 2:
                status = driver.wait(DRIVER_SECONDS)
            else:
                driver.wait(lab.moments.uniform(0.0, 0.3))
                driver.ctrl_c()
                status = driver.wait(AT_ONCE_SECONDS)
                if status is None:
                    tally.remarks.append(f"two Ctrl-C: still there after {AT_ONCE_SECONDS:.0f} s")
            lab.judge(tally, folder, driver, status)
            driver.sweep()
            driver = lab.start(folder)
        if not lab.bring_to_its_end(tally, folder, driver):
            return
        tally.compare(folder, lab.undisturbed)
