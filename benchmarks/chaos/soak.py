"""Disturb one run for a long time: python -m benchmarks.chaos.soak [minutes=30] [every=20] [seed=0]."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import torch

from benchmarks.arguments import parse_arguments
from benchmarks.chaos.drivers import Driver
from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, open_lab
from benchmarks.chaos.sabotage import environment
from benchmarks.chaos.sabotage.storage import FAILS
from benchmarks.chaos.table import table_of
from benchmarks.chaos.tally import Tally, ended_trials, history_of, records_of, time_left, train_to_the_end
from benchmarks.results_file import write_results
from failmap.run_folder.paths import RunFolder
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

#: Enough trials for hours, with many retries; those running at the end remain unfinished.
SOAK_ARGUMENTS = (
    "budget.seeds=2000",
    "budget.max_seeds=2000",
    "budget.minutes=none",
    "cluster.retries={lost: 1000, hung: 1000}",
    "cluster.evaluation_minutes=0.2",
)
#: Longer than a driver's timeout of an evaluation.
STOPPED_SECONDS = 15.0
BURST_SECONDS = 2.0


class Soak:
    """A run, its driver, and the ways to disturb them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.tally = Tally("soak")
        self.folder: RunFolder = lab.new_run("soak")
        self.flag: Path = lab.scratch / "storage.flag"
        self.planted = environment(storage={"folder": str(self.folder.path), "flag": str(self.flag)})
        self.driver: Driver = self.resume()

    def resume(self) -> Driver:
        """Start the next driver after the last one has ended."""
        more = () if self.folder.config.exists() else SOAK_ARGUMENTS
        return self.lab.start(self.folder, *more, environment=self.planted)

    def worker(self) -> psutil.Process | None:
        """Return a random worker, or None if there is none."""
        workers = sorted(self.driver.workers(), key=lambda worker: worker.pid)
        return self.lab.rng.choice(workers) if workers else None

    def kill_driver(self) -> None:
        """Kill the driver with SIGKILL."""
        self.driver.kill()

    def press_ctrl_c(self) -> None:
        """Interrupt the driver and wait for its end."""
        self.driver.ctrl_c()
        self.lab.check_exit(self.tally, self.folder, self.driver, self.driver.wait(DRIVER_SECONDS))
        self.driver.sweep()

    def kill_worker(self) -> None:
        """Kill a worker with SIGKILL."""
        if worker := self.worker():
            worker.kill()

    def preempt_worker(self) -> None:
        """Send SIGTERM to a worker."""
        if worker := self.worker():
            worker.terminate()

    def stop_worker(self) -> None:
        """Suspend a worker; it continues when its trial may have been restarted elsewhere."""
        if worker := self.worker():
            worker.suspend()
            self.driver.wait(STOPPED_SECONDS)
            # The driver may have killed it meanwhile because it was silent.
            with suppress(psutil.NoSuchProcess):
                worker.resume()

    def break_storage(self) -> None:
        """Let every access to the run's folder fail for a while."""
        self.flag.write_text(FAILS, encoding="utf-8")
        self.driver.wait(BURST_SECONDS)
        self.flag.unlink()


DISTURBANCES: dict[str, Callable[[Soak], None]] = {
    "driver killed -9": Soak.kill_driver,
    "Ctrl-C": Soak.press_ctrl_c,
    "worker killed -9": Soak.kill_worker,
    "worker preempted (SIGTERM)": Soak.preempt_worker,
    "worker suspended (SIGSTOP) and continued": Soak.stop_worker,
    "storage that fails": Soak.break_storage,
}


def disturb(soak: Soak, seconds: float, every_seconds: float) -> Counter[str]:
    """Disturb at random at regular intervals; trials that had ended before must still be there."""
    tried: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    while time_left(deadline):
        soak.driver.wait(min(every_seconds, time_left(deadline)))
        before = ended_trials(soak.folder)
        name = soak.lab.rng.choice(list(DISTURBANCES))
        try:
            DISTURBANCES[name](soak)
        except psutil.NoSuchProcess:
            continue
        tried[name] += 1
        after = ended_trials(soak.folder)
        soak.tally.lost += len(before.keys() - after.keys())
        soak.tally.decisions += sum(after[key] != before[key] for key in before.keys() & after.keys())
        if not soak.driver.is_alive:
            soak.lab.check_exit(soak.tally, soak.folder, soak.driver, soak.driver.process.returncode)
            soak.driver = soak.resume()
    soak.tally.tried = tried.total()
    return tried


def train_again(tally: Tally, folder: RunFolder, lab: Lab, seconds: float) -> int:
    """Train ended trials again, undisturbed, and compare every bit. Return their number."""
    torch.set_num_threads(1)
    deadline, again = time.monotonic() + seconds, lab.new_run("again")
    ended = [record for record in records_of(folder) if record.summary is not None]
    disturbed_first = sorted(ended, key=lambda record: -record.attempt)
    for num_done, record in enumerate(disturbed_first):
        if num_done and not time_left(deadline):
            return num_done
        config = TrialConfig.model_validate(record.config)
        train_to_the_end(TrialSession(config, again.trial(record.number), torch.device("cpu")))
        tally.histories += history_of(again, record.number) != history_of(folder, record.number)
    return len(ended)


def main() -> None:
    """Disturb a run, end it by Ctrl-C and compare; exit with status 1 if anything was lost or differs."""
    asked = parse_arguments(minutes=30.0, every=20.0, seed=0)
    seconds = asked.minutes * 60
    with open_lab(asked.seed) as lab:
        began = time.monotonic()
        soak = Soak(lab)
        tried = disturb(soak, seconds, asked.every)
        soak.press_ctrl_c()
        soak.tally.check_journal(soak.folder)
        soak.tally.seconds = time.monotonic() - began
        num_ended = len(ended_trials(soak.folder))
        if not num_ended:
            soak.tally.remarks.append("no trial ended: too many faults to show anything")
        num_again = train_again(soak.tally, soak.folder, lab, seconds / 3)
    counts = "\n".join(f"- {name}: {tried[name]}" for name in DISTURBANCES)
    remarks = (
        f"One run, disturbed at random every {asked.every:g} s. {num_ended} trials ended; the {num_again} of "
        "them that were started most often were trained again, undisturbed, for comparison."
    )
    body = f"{remarks}\n\n{table_of([soak.tally])}\n\nTried:\n\n{counts}"
    write_results("soak", "A long run that is disturbed continually", body)
    if not soak.tally.is_clean:
        sys.exit(1)


if __name__ == "__main__":
    main()
