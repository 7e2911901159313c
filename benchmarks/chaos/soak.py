"""One run disturbed all the time: python -m benchmarks.chaos.soak [minutes=30] [every=20] [seed=0]."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import torch

from benchmarks.chaos.drivers import Driver
from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, open_lab, time_left
from benchmarks.chaos.sabotage import environment
from benchmarks.chaos.sabotage.storage import FAILS
from benchmarks.chaos.table import table_of
from benchmarks.chaos.tally import Tally, ended_trials, history_of, records_of
from benchmarks.results_file import write_results
from failmap.run_folder.paths import RunFolder
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

#: Enough work for hours, and patience with each single trial: those that run at the end are left unfinished.
SOAK_WORDS = (
    "budget.seeds=2000",
    "budget.max_seeds=2000",
    "budget.minutes=none",
    "cluster.retries={lost: 1000, hung: 1000}",
    "cluster.evaluation_minutes=0.2",
)
#: Longer than a driver waits for an evaluation.
STOPPED_SECONDS = 15.0
BURST_SECONDS = 2.0


class Soak:
    """The run, its driver, and what disturbs them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.tally = Tally("soak")
        self.folder: RunFolder = lab.new_run("soak")
        self.flag: Path = lab.scratch / "storage.flag"
        self.planted = environment(storage={"folder": str(self.folder.path), "flag": str(self.flag)})
        self.driver: Driver = self.resume()

    def resume(self) -> Driver:
        """The next driver, once the last one has ended."""
        more = () if self.folder.config.exists() else SOAK_WORDS
        return self.lab.start(self.folder, *more, environment=self.planted)

    def worker(self) -> psutil.Process | None:
        """One of those that train now."""
        workers = sorted(self.driver.workers(), key=lambda worker: worker.pid)
        return self.lab.moments.choice(workers) if workers else None

    def kill_driver(self) -> None:
        """kill -9, and resume."""
        self.driver.kill()

    def press_ctrl_c(self) -> None:
        """Ctrl-C, and resume."""
        self.driver.ctrl_c()
        self.lab.judge(self.tally, self.folder, self.driver, self.driver.wait(DRIVER_SECONDS))
        self.driver.sweep()

    def kill_worker(self) -> None:
        """kill -9 of a worker."""
        if worker := self.worker():
            worker.kill()

    def preempt_worker(self) -> None:
        """SIGTERM to a worker."""
        if worker := self.worker():
            worker.terminate()

    def stop_worker(self) -> None:
        """SIGSTOP: a worker that hangs, and wakes up when its trial may have begun elsewhere."""
        if worker := self.worker():
            worker.suspend()
            self.driver.wait(STOPPED_SECONDS)
            # Its driver may have ended it meanwhile, as it does with workers that say nothing.
            with suppress(psutil.NoSuchProcess):
                worker.resume()

    def break_storage(self) -> None:
        """Every access to the run's folder fails for a while."""
        self.flag.write_text(FAILS, encoding="utf-8")
        self.driver.wait(BURST_SECONDS)
        self.flag.unlink()


DISTURBANCES: dict[str, Callable[[Soak], None]] = {
    "driver killed -9": Soak.kill_driver,
    "Ctrl-C": Soak.press_ctrl_c,
    "worker killed -9": Soak.kill_worker,
    "worker asked to leave (SIGTERM)": Soak.preempt_worker,
    "worker stopped (SIGSTOP) and woken": Soak.stop_worker,
    "storage that fails": Soak.break_storage,
}


def disturb(soak: Soak, seconds: float, every_seconds: float) -> Counter[str]:
    """A random disturbance every so often; what had ended before must be there after it."""
    tried: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    while time_left(deadline):
        soak.driver.wait(min(every_seconds, time_left(deadline)))
        before = ended_trials(soak.folder)
        name = soak.lab.moments.choice(list(DISTURBANCES))
        try:
            DISTURBANCES[name](soak)
        except psutil.NoSuchProcess:
            continue
        tried[name] += 1
        after = ended_trials(soak.folder)
        soak.tally.lost += len(before.keys() - after.keys())
        soak.tally.decisions += sum(after[key] != before[key] for key in before.keys() & after.keys())
        if not soak.driver.is_alive:
            soak.lab.judge(soak.tally, soak.folder, soak.driver, soak.driver.process.returncode)
            soak.driver = soak.resume()
    soak.tally.tried = tried.total()
    return tried


def train_again(tally: Tally, folder: RunFolder, lab: Lab, seconds: float) -> int:
    """Trains ended trials anew, undisturbed, and compares every bit. Returns how many time allowed for."""
    torch.set_num_threads(1)
    deadline, again = time.monotonic() + seconds, lab.new_run("again")
    ended = [record for record in records_of(folder) if record.summary is not None]
    disturbed_first = sorted(ended, key=lambda record: -record.attempt)
    for num_done, record in enumerate(disturbed_first):
        if num_done and not time_left(deadline):
            return num_done
        config = TrialConfig.model_validate(record.config)
        session = TrialSession(config, again.trial(record.number), torch.device("cpu"))
        while session.summary is None:
            session.advance()
        tally.histories += history_of(again, record.number) != history_of(folder, record.number)
    return len(ended)


def main() -> None:
    """Disturbs, ends the run by Ctrl-C, compares; ends with 1 if something was lost or differs."""
    settings = dict(word.split("=", 1) for word in sys.argv[1:])
    seconds, every_seconds = float(settings.get("minutes", 30)) * 60, float(settings.get("every", 20))
    with open_lab(int(settings.get("seed", 0))) as lab:
        began = time.monotonic()
        soak = Soak(lab)
        tried = disturb(soak, seconds, every_seconds)
        soak.press_ctrl_c()
        soak.tally.check_journal(soak.folder)
        soak.tally.seconds = time.monotonic() - began
        num_ended = len(ended_trials(soak.folder))
        if not num_ended:
            soak.tally.remarks.append("no trial came to its end: too much was disturbed to show anything")
        num_again = train_again(soak.tally, soak.folder, lab, seconds / 3)
    counts = "\n".join(f"- {name}: {tried[name]}" for name in DISTURBANCES)
    remarks = (
        f"One run, disturbed at random every {every_seconds:g} s. {num_ended} trials ended; of them the "
        f"{num_again} that were started most often were trained once more, undisturbed, to compare."
    )
    body = f"{remarks}\n\n{table_of([soak.tally])}\n\nTried:\n\n{counts}"
    write_results("soak", "A long run that is disturbed all the time", body)
    if not soak.tally.is_clean:
        sys.exit(1)


if __name__ == "__main__":
    main()
