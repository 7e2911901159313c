"""Two drivers on one run: one wins, the other is refused."""

from benchmarks.chaos.lab import DRIVER_SECONDS, Lab, last_line
from benchmarks.chaos.small_driver import small_arguments, start_search
from benchmarks.chaos.tally import Tally


def start_twice(lab: Lab, tally: Tally) -> None:
    """Resume a run by two drivers at once, each with its own Ray."""
    while tally.goes_on:
        folder = lab.new_run("two-drivers")
        begun = lab.start(folder)
        begun.wait_until(folder.journal.exists)
        begun.kill()
        pair = [lab.start(folder), lab.start(folder)]
        tally.tried += 1
        statuses = [driver.wait(DRIVER_SECONDS) for driver in pair]
        if sorted(statuses, key=str) != [0, 2]:
            last_lines = [last_line(driver.output_text) for driver in pair]
            tally.remarks.append(f"{folder.name}: exit statuses {statuses}: {last_lines}")
        for driver, status in zip(pair, statuses, strict=True):
            lab.check_exit(tally, folder, driver, status)
            if status == 2 and "error: " not in driver.output_text:
                tally.remarks.append(
                    f"{folder.name}: refused without an error: {last_line(driver.output_text)}"
                )
        tally.compare(folder, lab.undisturbed)


def start_small_twice(lab: Lab, tally: Tally) -> None:
    """Start a run by two drivers without Ray at once."""
    while tally.goes_on:
        folder = lab.new_run("two-small-drivers")
        arguments = small_arguments(lab.scratch, folder.name)
        pair = [start_search(arguments), start_search(arguments)]
        tally.tried += 1
        for driver in pair:
            driver.join(DRIVER_SECONDS)
        if sorted(driver.exitcode or 0 for driver in pair) != [0, 2]:
            tally.remarks.append(f"{folder.name}: exit statuses {[driver.exitcode for driver in pair]}")
        tally.compare(folder, lab.undisturbed_small)
