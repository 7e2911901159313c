"""Trials that hang, exhaust memory, raise, exit, or return NaN."""

from functools import partial

from benchmarks.chaos.lab import Lab
from benchmarks.chaos.sabotage import environment
from benchmarks.chaos.tally import Tally, records_of

#: Numbers of the trials that fail.
CHOSEN = (1, 4)

#: Settings of a user who expects such trials: 6 seconds per evaluation, 3 GiB, one retry.
ARGUMENTS = (
    "cluster.evaluation_minutes=0.1",
    "cluster.memory_per_trial=3",
    "cluster.retries={error: 1, hung: 1}",
)


def _fail_first_attempt(kind: str, lab: Lab, tally: Tally) -> None:
    """Run trials two of which fail in their first attempt; both must end as in an undisturbed run."""
    folder = lab.new_run(f"trial-{kind.replace(' ', '-')}")
    planted = environment(trials={str(number): kind for number in CHOSEN})
    driver = lab.start(folder, *ARGUMENTS, environment=planted)
    tally.tried += len(CHOSEN)
    if not lab.finish(tally, folder, driver, *ARGUMENTS, environment=planted):
        return
    tally.compare(folder, lab.undisturbed)
    records = {record.number: record for record in records_of(folder)}
    for number in CHOSEN:
        if not records[number].faults:
            tally.remarks.append(f"trial {number} {kind}: no fault in its record")


def return_nan(lab: Lab, tally: Tally) -> None:
    """Set weights to NaN, which is a result, not a fault: the trial fails, and its record says why."""
    folder = lab.new_run("trial-nan")
    planted = environment(trials={str(number): "returns NaN" for number in CHOSEN})
    driver = lab.start(folder, environment=planted)
    tally.tried += len(CHOSEN)
    if not lab.finish(tally, folder, driver, environment=planted):
        return
    records = {record.number: record for record in records_of(folder)}
    for number in CHOSEN:
        summary = records[number].summary
        if summary is None or summary.outcome != "failed" or summary.first_nonfinite is None:
            tally.remarks.append(f"trial {number} returned NaN, which is not in its record")
    # If one seed fails, its cell may get more seeds, or fewer.
    cells = {tuple(records[number].cell.values()) for number in CHOSEN}
    elsewhere = {key: ended for key, ended in lab.undisturbed.items() if key[:-2] not in cells}
    tally.compare(folder, elsewhere, excluded_cells=cells)


hang = partial(_fail_first_attempt, "hangs")
eat_memory = partial(_fail_first_attempt, "eats memory")
raise_error = partial(_fail_first_attempt, "raises")
leave = partial(_fail_first_attempt, "exits")
