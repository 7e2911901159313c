"""Worker processes that are killed or preempted."""

import signal
from functools import partial

import psutil

from benchmarks.chaos.drivers import Driver
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.tally import Tally

#: More retries after a lost worker than these faults can hit one trial.
PATIENT = ("cluster.retries={lost: 50}",)
#: Mean seconds between two signals.
EVERY_SECONDS = 2.5


def _signal_workers(number: signal.Signals, lab: Lab, tally: Tally) -> None:
    """Send the signal to one random worker after another."""

    def send(driver: Driver) -> None:
        if workers := driver.workers():
            try:
                lab.rng.choice(sorted(workers, key=lambda worker: worker.pid)).send_signal(number)
                tally.tried += 1
            except psutil.NoSuchProcess:
                return
        driver.wait(lab.rng.uniform(0.5, 1.5) * EVERY_SECONDS)

    lab.disturb_runs(tally, f"worker-{number.name.lower()}", send, *PATIENT)


kill_workers = partial(_signal_workers, signal.SIGKILL)
preempt_workers = partial(_signal_workers, signal.SIGTERM)
