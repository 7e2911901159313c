"""Storage that fails, is slow, or is full for a while."""

import subprocess
from functools import partial

from benchmarks.chaos.drivers import Driver
from benchmarks.chaos.lab import DRIVER_SECONDS, Lab
from benchmarks.chaos.sabotage import environment
from benchmarks.chaos.sabotage.storage import FAILS, FULL, SLOW
from benchmarks.chaos.tally import Tally
from failmap.run_folder.paths import RunFolder

#: Range of the seconds of a burst, and between two.
BURST_SECONDS = (0.05, 3.0)
PAUSE_SECONDS = (1.0, 5.0)

#: Enough space to start, but not for the run.
SMALL_DISK = "size=200k"
LARGE_DISK = "size=100m"


def _sabotage(mode: str, lab: Lab, tally: Tally) -> None:
    """Disturb the storage in bursts; a driver that gives up is started again, possibly during a burst."""
    flag = lab.scratch / "storage.flag"
    name = f"storage-{mode}"

    def burst(driver: Driver) -> None:
        flag.write_text(mode)
        tally.tried += 1
        driver.wait(lab.rng.uniform(*BURST_SECONDS))
        flag.unlink()
        driver.wait(lab.rng.uniform(*PAUSE_SECONDS))

    planted = environment(storage={"folder": str(lab.scratch / name), "flag": str(flag)})
    lab.disturb_runs(tally, name, burst, environment=planted)


fail = partial(_sabotage, FAILS)
slow_down = partial(_sabotage, SLOW)
pretend_full = partial(_sabotage, FULL)


def fill(lab: Lab, tally: Tally) -> None:
    """Fill a small disk, then enlarge it. Without root, pretend that the storage is full."""
    disk = lab.scratch / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(disk), "-o"]
    if subprocess.run([*mount, SMALL_DISK], check=False, capture_output=True).returncode:
        pretend_full(lab, tally)
        return
    try:
        folder = RunFolder(disk / "full")
        driver = lab.start(folder)
        status = driver.wait(DRIVER_SECONDS)
        lab.check_exit(tally, folder, driver, status)
        tally.tried += 1
        if status != 2 or "No space left on device" not in driver.output_text:
            tally.remarks.append(f"a full disk: status {status}, and the reason is not reported")
        subprocess.run([*mount, f"remount,{LARGE_DISK}"], check=True)
        if not lab.finish(tally, folder, lab.start(folder)):
            return
        tally.compare(folder, lab.undisturbed)
    finally:
        lab.tidy()
        subprocess.run(["umount", str(disk)], check=True)
