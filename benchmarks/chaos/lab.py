"""Where runs are disturbed: folder, words, the undisturbed run, and how a run is brought to its end."""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path

from benchmarks.chaos.drivers import ROOT, TOLD_STATUSES, Driver
from benchmarks.chaos.small_driver import small_words, start_search
from benchmarks.chaos.tally import Ended, Key, Tally, ended_trials
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of

#: Some dozens of trials of about half a second, with dropout, so that faults fall into trainings.
WORDS = (
    "space=smoke",
    "task=adding",
    "task.sequence_length=10,20",
    "model.depth=1,2",
    "model.hidden_size=16",
    "model.dropout=0.1",
    "train.max_updates=300",
    "train.evaluate_every=20",
    "budget.minutes=30",
    "cluster.cpus=2",
)

#: A driver that takes longer hangs, however slow the machine.
DRIVER_SECONDS = 150.0


class Lab:
    """A folder for runs that are to be disturbed, and for all that they leave behind.

    Attributes:
        moments: when and whom a fault hits.
        environment: of every driver: no bytecode race, and Ray's files where they are swept up.
    """

    def __init__(self, scratch: Path, seed: int) -> None:
        self.scratch = scratch
        self.moments = random.Random(seed)
        self.environment = {
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(scratch),
            "RAY_TMPDIR": str(scratch),
            "COLUMNS": "200",
        }
        self._drivers: list[Driver] = []
        self._names = count()

    @cached_property
    def undisturbed(self) -> dict[Key, Ended]:
        """The trials of `WORDS`, of a run that nobody disturbed."""
        folder = self.new_run("undisturbed")
        driver = self.start(folder)
        assert driver.wait(DRIVER_SECONDS) == 0, driver.said
        return ended_trials(folder)

    @cached_property
    def undisturbed_small(self) -> dict[Key, Ended]:
        """The trials of the run without Ray, of a run that nobody disturbed."""
        return ended_trials(self.new_small_run("undisturbed-small"))

    def new_run(self, name: str) -> RunFolder:
        """A folder that no run has yet."""
        return RunFolder(self.scratch / f"{name}-{next(self._names)}")

    def new_small_run(self, name: str) -> RunFolder:
        """A run without Ray that nobody disturbs, from its first trial to its last."""
        folder = self.new_run(name)
        driver = start_search(small_words(self.scratch, folder.name))
        driver.join(DRIVER_SECONDS)
        assert driver.exitcode == 0, driver.exitcode
        return folder

    def start(self, folder: RunFolder, *words: str, environment: Mapping[str, str] | None = None) -> Driver:
        """Begins a run over `WORDS`, or goes on with it where it exists.

        Args:
            folder: of the run.
            words: more of the request, which win; `WORDS` are left out where it exists.
            environment: beside the lab's.
        """
        where = (f"run={folder.name}", f"storage={folder.path.parent}")
        module, request = (
            ("search.resume", ()) if store_of(folder.path).exists(folder.config) else ("search.run", WORDS)
        )
        asked = dict(word.split("=", 1) for word in (*request, *where, *words))
        complete = [f"{key}={value}" for key, value in asked.items()]
        return self.launch(module, *complete, environment=environment)

    def launch(self, module: str, *words: str, environment: Mapping[str, str] | None = None) -> Driver:
        """Any program of ours."""
        output = self.scratch / f"output-{next(self._names)}.txt"
        driver = Driver(
            module, *words, output=output, environment={**self.environment, **(environment or {})}
        )
        self._drivers.append(driver)
        return driver

    def bring_to_its_end(
        self,
        tally: Tally,
        folder: RunFolder,
        driver: Driver,
        *words: str,
        environment: Mapping[str, str] | None = None,
        resumes: int = 5,
    ) -> bool:
        """Waits for a driver, and resumes the run until it is over. Returns whether it is."""
        before = ended_trials(folder).keys()
        for _ in range(resumes + 1):
            status = driver.wait(DRIVER_SECONDS)
            self.judge(tally, folder, driver, status)
            tally.lost += len(before - (now := ended_trials(folder).keys()))
            before = now
            if status == 0:
                return True
            driver.sweep()
            driver = self.start(folder, *words, environment=environment)
        driver.sweep()
        tally.remarks.append(f"{folder.name}: not over after {resumes} resumes: {last_line(driver.said)}")
        return False

    def judge(self, tally: Tally, folder: RunFolder, driver: Driver, status: int | None) -> None:
        """Remarks an end that no user should see: a hang, a traceback, a status that is not told."""
        if status is None:
            tally.remarks.append(f"{folder.name}: hung for {DRIVER_SECONDS:.0f} s: {last_line(driver.said)}")
        elif "Traceback (most recent call last)" in driver.said:
            tally.remarks.append(f"{folder.name}: a traceback: {last_line(driver.said)}")
        elif status not in TOLD_STATUSES:
            tally.remarks.append(f"{folder.name}: exit status {status}: {last_line(driver.said)}")

    def tidy(self) -> None:
        """Ends every process that is left of its drivers."""
        for driver in self._drivers:
            driver.sweep()
        self._drivers.clear()


@contextmanager
def open_lab(seed: int = 0) -> Iterator[Lab]:
    """A lab whose folder goes with it; CHAOS_KEEP=1 in the environment keeps it, to look for a bug."""
    # Ray's sockets lie in it, and their paths may not be long.
    scratch = Path(tempfile.mkdtemp(prefix="chaos-"))
    lab = Lab(scratch, seed)
    try:
        yield lab
    finally:
        lab.tidy()
        if "CHAOS_KEEP" not in os.environ:
            shutil.rmtree(scratch, ignore_errors=True)


def last_line(text: str) -> str:
    """What a program said last, shortened."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return (lines or ["(nothing was said)"])[-1][:200]


def time_left(deadline: float) -> float:
    """Seconds until a moment of time.monotonic; 0 where it has passed."""
    return max(0.0, deadline - time.monotonic())
