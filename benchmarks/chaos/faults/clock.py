"""A clock that jumps by hours, back and forth, in driver and workers."""

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, last_line
from benchmarks.chaos.sabotage import environment
from benchmarks.chaos.small_driver import small_words
from benchmarks.chaos.tally import Tally

HOURS = 5.0


def jump_small(lab: Lab, tally: Tally, seconds: float) -> None:
    """The same without Ray, all in one process; its trials' times may go backwards, and nothing else."""
    folder = lab.new_run("small-clock")
    words = small_words(lab.scratch, folder.name)
    planted = environment(clock={"hours": HOURS})
    driver = lab.launch("benchmarks.chaos.small_driver", *words, environment=planted)
    status = driver.wait(DRIVER_SECONDS)
    tally.tried += 1
    if status != 0:
        tally.remarks.append(f"a clock that jumps: status {status}: {last_line(driver.said)}")
        return
    tally.compare(folder, lab.undisturbed_small)


def jump(lab: Lab, tally: Tally, seconds: float) -> None:
    """One run under a clock that jumps all the time, killed once on the way."""
    planted = environment(clock={"hours": HOURS})
    folder = lab.new_run("clock")
    driver = lab.start(folder, environment=planted)
    driver.wait(min(seconds / 4, 8.0))
    driver.kill()
    tally.tried += 1
    if lab.bring_to_its_end(tally, folder, lab.start(folder, environment=planted), environment=planted):
        tally.compare(folder, lab.undisturbed)
