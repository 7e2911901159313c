"""Worker processes that die, or are asked to leave."""

import signal
import time
from functools import partial

import psutil

from benchmarks.chaos.lab import Lab, time_left
from benchmarks.chaos.tally import Tally, ended_trials

#: A trial may lose so many workers and be tried again: more than these faults can hit one trial.
PATIENT = ("cluster.retries={lost: 50}",)
#: Seconds between two hits.
EVERY_SECONDS = 2.5


def _signal_workers(number: signal.Signals, lab: Lab, tally: Tally, seconds: float) -> None:
    """Hits one worker after the other of one run after the other."""
    deadline = time.monotonic() + seconds
    while time_left(deadline) or not tally.tried:
        folder = lab.new_run(f"worker-{number.name.lower()}")
        driver = lab.start(folder, *PATIENT)
        driver.wait_until(lambda: bool(ended_trials(folder)))  # noqa: B023 - awaited within this turn
        while driver.is_alive and (time_left(deadline) or not tally.tried):
            if workers := driver.workers():
                try:
                    lab.moments.choice(sorted(workers, key=lambda worker: worker.pid)).send_signal(number)
                    tally.tried += 1
                except psutil.NoSuchProcess:
                    continue
            driver.wait(lab.moments.uniform(0.5, 1.5) * EVERY_SECONDS)
        if not lab.bring_to_its_end(tally, folder, driver, *PATIENT):
            return
        tally.compare(folder, lab.undisturbed)


kill_workers = partial(_signal_workers, signal.SIGKILL)
preempt_workers = partial(_signal_workers, signal.SIGTERM)
