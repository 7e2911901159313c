"""Storage that fails for a while, is slow, or is full."""

import subprocess
import time
from functools import partial

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, time_left
from benchmarks.chaos.sabotage import environment
from benchmarks.chaos.sabotage.storage import FAILS, FULL, SLOW
from benchmarks.chaos.tally import Tally, ended_trials
from failmap.run_folder.paths import RunFolder

#: Seconds that a burst lasts, at random, and seconds between two.
BURST_SECONDS = (0.05, 3.0)
PAUSE_SECONDS = (1.0, 5.0)

#: Room for a start, and not for the run.
SMALL_DISK = "size=200k"
LARGE_DISK = "size=100m"


def _sabotage(mode: str, lab: Lab, tally: Tally, seconds: float) -> None:
    """Bursts of trouble; a driver that gives up is started again, which may meet the next burst."""
    deadline = time.monotonic() + seconds
    while time_left(deadline) or not tally.tried:
        folder = lab.new_run(f"storage-{mode}")
        flag = lab.scratch / f"{folder.name}.flag"
        planted = environment(storage={"folder": str(folder.path), "flag": str(flag)})
        driver = lab.start(folder, environment=planted)
        driver.wait_until(lambda: bool(ended_trials(folder)))  # noqa: B023 - awaited within this turn
        while driver.is_alive and (time_left(deadline) or not tally.tried):
            flag.write_text(mode)
            tally.tried += 1
            driver.wait(lab.moments.uniform(*BURST_SECONDS))
            flag.unlink()
            driver.wait(lab.moments.uniform(*PAUSE_SECONDS))
        if not lab.bring_to_its_end(tally, folder, driver, environment=planted):
            return
        tally.compare(folder, lab.undisturbed)


fail = partial(_sabotage, FAILS)
slow_down = partial(_sabotage, SLOW)
pretend_full = partial(_sabotage, FULL)


def fill(lab: Lab, tally: Tally, seconds: float) -> None:
    """A disk that is really full, and has room again later; a pretended one where making it needs root."""
    disk = lab.scratch / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(disk), "-o"]
    if subprocess.run([*mount, SMALL_DISK], check=False, capture_output=True).returncode:
        pretend_full(lab, tally, seconds)
        return
    try:
        folder = RunFolder(disk / "full")
        driver = lab.start(folder)
        status = driver.wait(DRIVER_SECONDS)
        lab.judge(tally, folder, driver, status)
        tally.tried += 1
        if status != 2 or "No space left on device" not in driver.said:
            tally.remarks.append(f"a full disk: status {status}, and the user is not told why")
        subprocess.run([*mount, f"remount,{LARGE_DISK}"], check=True)
        if not lab.bring_to_its_end(tally, folder, lab.start(folder)):
            return
        tally.compare(folder, lab.undisturbed)
    finally:
        lab.tidy()
        subprocess.run(["umount", str(disk)], check=True)
