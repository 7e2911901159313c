"""A temporary folder in which runs are started, disturbed, resumed and compared."""

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path

from benchmarks.chaos.drivers import EXPECTED_STATUSES, ROOT, Driver
from benchmarks.chaos.small_driver import small_arguments, start_search
from benchmarks.chaos.tally import Ended, Key, Tally, ended_trials
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import store_of

#: Dozens of trials of about half a second, with dropout, so that faults hit trainings.
ARGUMENTS = (
    "space=smoke",
    "task=adding",
    "task.sequence_length=10,20",
    "model.depth=1,2",
    "model.hidden_size=16",
    "model.dropout=0.1",
    "train.max_updates=300",
    "train.evaluate_every=20",
    "budget.minutes=30",
    # Which failed trial is trained on, and under which number, depends on what has ended by then.
    "budget.extend=0",
    "cluster.cpus=2",
)

#: A driver that takes longer hangs, even on a slow machine.
DRIVER_SECONDS = 150.0


class Lab:
    """A folder for disturbed runs and all their files.

    Attributes:
        rng: draws the times and targets of faults.
        environment: environment of all drivers; it keeps Ray's files in the folder.
    """

    def __init__(self, scratch: Path, seed: int) -> None:
        self.scratch = scratch
        self.rng = random.Random(seed)
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
        """The trials of an undisturbed run with `ARGUMENTS`."""
        folder = self.new_run("undisturbed")
        driver = self.start(folder)
        assert driver.wait(DRIVER_SECONDS) == 0, driver.output_text
        return ended_trials(folder)

    @cached_property
    def undisturbed_small(self) -> dict[Key, Ended]:
        """The trials of an undisturbed run without Ray."""
        return ended_trials(self.new_small_run("undisturbed-small"))

    def new_run(self, name: str) -> RunFolder:
        """Return a folder that does not exist yet."""
        return RunFolder(self.scratch / f"{name}-{next(self._names)}")

    def new_small_run(self, name: str) -> RunFolder:
        """Make an undisturbed run without Ray."""
        folder = self.new_run(name)
        driver = start_search(small_arguments(self.scratch, folder.name))
        driver.join(DRIVER_SECONDS)
        assert driver.exitcode == 0, driver.exitcode
        return folder

    def start(
        self, folder: RunFolder, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Driver:
        """Start a run with `ARGUMENTS`, or resume it if it exists.

        Args:
            folder: folder of the run.
            arguments: additional arguments, which take precedence over `ARGUMENTS`.
            environment: variables beside those of the lab.
        """
        where = (f"run={folder.name}", f"storage={folder.path.parent}")
        module, request = (
            ("search.resume", ())
            if store_of(folder.path).exists(folder.config)
            else ("search.run", ARGUMENTS)
        )
        asked = dict(word.split("=", 1) for word in (*request, *where, *arguments))
        complete = [f"{key}={value}" for key, value in asked.items()]
        return self.launch(module, *complete, environment=environment)

    def launch(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Driver:
        """Start one of our programs."""
        output = self.scratch / f"output-{next(self._names)}.txt"
        driver = Driver(
            module, *arguments, output=output, environment={**self.environment, **(environment or {})}
        )
        self._drivers.append(driver)
        return driver

    def disturb_runs(
        self,
        tally: Tally,
        name: str,
        disturb: Callable[[Driver], None],
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Disturb one run after another, each from its first ended trial on, until the time is spent."""
        while tally.goes_on:
            folder = self.new_run(name)
            driver = self.start(folder, *arguments, environment=environment)
            driver.wait_until(lambda: bool(ended_trials(folder)))  # noqa: B023 - awaited in this iteration
            while driver.is_alive and tally.goes_on:
                disturb(driver)
            if not self.finish(tally, folder, driver, *arguments, environment=environment):
                return
            tally.compare(folder, self.undisturbed)

    def finish(
        self,
        tally: Tally,
        folder: RunFolder,
        driver: Driver,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        resumes: int = 5,
    ) -> bool:
        """Wait for a driver and resume the run until it ends. Return whether it has ended."""
        before = ended_trials(folder).keys()
        for _ in range(resumes + 1):
            status = driver.wait(DRIVER_SECONDS)
            self.check_exit(tally, folder, driver, status)
            tally.lost += len(before - (now := ended_trials(folder).keys()))
            before = now
            if status == 0:
                return True
            driver.sweep()
            driver = self.start(folder, *arguments, environment=environment)
        driver.sweep()
        tally.remarks.append(
            f"{folder.name}: not ended after {resumes} resumes: {last_line(driver.output_text)}"
        )
        return False

    def check_exit(self, tally: Tally, folder: RunFolder, driver: Driver, status: int | None) -> None:
        """Add a remark if a driver hung, printed a traceback or exited with an unexpected status."""
        if status is None:
            tally.remarks.append(
                f"{folder.name}: hung for {DRIVER_SECONDS:.0f} s: {last_line(driver.output_text)}"
            )
        elif "Traceback (most recent call last)" in driver.output_text:
            tally.remarks.append(f"{folder.name}: a traceback: {last_line(driver.output_text)}")
        elif status not in EXPECTED_STATUSES:
            tally.remarks.append(f"{folder.name}: exit status {status}: {last_line(driver.output_text)}")

    def tidy(self) -> None:
        """Kill all processes left by the drivers."""
        for driver in self._drivers:
            driver.sweep()
        self._drivers.clear()


@contextmanager
def open_lab(seed: int = 0) -> Iterator[Lab]:
    """Yield a lab and remove its folder afterwards, unless CHAOS_KEEP is set in the environment."""
    # It contains Ray's sockets, whose paths must be short.
    scratch = Path(tempfile.mkdtemp(prefix="chaos-"))
    lab = Lab(scratch, seed)
    try:
        yield lab
    finally:
        lab.tidy()
        if "CHAOS_KEEP" not in os.environ:
            shutil.rmtree(scratch, ignore_errors=True)


def last_line(text: str) -> str:
    """Return the last line that a program printed, shortened."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return (lines or ["(no output)"])[-1][:200]
