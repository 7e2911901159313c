"""A clock that jumps by hours, back and forth, in driver and workers."""

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, last_line
from benchmarks.chaos.sabotage import environment
from benchmarks.chaos.small_driver import small_arguments
from benchmarks.chaos.tally import Tally, time_left

HOURS = 5.0


def jump_small(lab: Lab, tally: Tally) -> None:
    """Run without Ray in one process. Times in records may go backwards; nothing else may differ."""
    folder = lab.new_run("small-clock")
    arguments = small_arguments(lab.scratch, folder.name)
    planted = environment(clock={"hours": HOURS})
    driver = lab.launch("benchmarks.chaos.small_driver", *arguments, environment=planted)
    status = driver.wait(DRIVER_SECONDS)
    tally.tried += 1
    if status != 0:
        tally.remarks.append(f"a clock that jumps: status {status}: {last_line(driver.output_text)}")
        return
    tally.compare(folder, lab.undisturbed_small)


def jump(lab: Lab, tally: Tally) -> None:
    """Run under a clock that keeps jumping, and kill the driver once."""
    planted = environment(clock={"hours": HOURS})
    folder = lab.new_run("clock")
    driver = lab.start(folder, environment=planted)
    driver.wait(min(time_left(tally.deadline) / 4, 8.0))
    driver.kill()
    tally.tried += 1
    if lab.finish(tally, folder, lab.start(folder, environment=planted), environment=planted):
        tally.compare(folder, lab.undisturbed)
