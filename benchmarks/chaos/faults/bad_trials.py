"""Trials that hang, eat memory, raise, exit, or return NaN."""

from functools import partial

from benchmarks.chaos.lab import Lab
from benchmarks.chaos.sabotage import environment
from benchmarks.chaos.tally import Tally, records_of

#: Numbers of the trials that go wrong.
CHOSEN = (1, 4)

#: What a user would ask for who expects such trials: 6 seconds for an evaluation, 3 GiB, one more try.
WORDS = (
    "cluster.evaluation_minutes=0.1",
    "cluster.memory_per_trial=3",
    "cluster.retries={error: 1, hung: 1}",
)


def _go_wrong(kind: str, lab: Lab, tally: Tally, seconds: float) -> None:
    """One run of whose trials two go wrong in their first attempt: both end as if nothing had been."""
    folder = lab.new_run(f"trial-{kind.replace(' ', '-')}")
    planted = environment(trials={str(number): kind for number in CHOSEN})
    driver = lab.start(folder, *WORDS, environment=planted)
    tally.tried += len(CHOSEN)
    if not lab.bring_to_its_end(tally, folder, driver, *WORDS, environment=planted):
        return
    tally.compare(folder, lab.undisturbed)
    records = {record.number: record for record in records_of(folder)}
    for number in CHOSEN:
        if not records[number].faults:
            tally.remarks.append(f"trial {number} {kind}: its record tells no fault")


def _diverge(lab: Lab, tally: Tally, seconds: float) -> None:
    """Weights that become NaN are a result, not a fault: such a trial fails and says so."""
    folder = lab.new_run("trial-nan")
    planted = environment(trials={str(number): "returns NaN" for number in CHOSEN})
    driver = lab.start(folder, environment=planted)
    tally.tried += len(CHOSEN)
    if not lab.bring_to_its_end(tally, folder, driver, environment=planted):
        return
    records = {record.number: record for record in records_of(folder)}
    spoiled_cells = [records[number].cell for number in CHOSEN]
    for number in CHOSEN:
        summary = records[number].summary
        if summary is None or summary.outcome != "failed" or not summary.reason.startswith("not finite"):
            tally.remarks.append(f"trial {number} returned NaN, and its record does not say so")
    # Where one seed fails, its cell may be given more seeds, or fewer.
    cells = {tuple(cell.values()) for cell in spoiled_cells}
    elsewhere = {key: ended for key, ended in lab.undisturbed.items() if key[:-2] not in cells}
    tally.compare(folder, elsewhere, cells_left_out=cells)


hang = partial(_go_wrong, "hangs")
eat_memory = partial(_go_wrong, "eats memory")
raise_error = partial(_go_wrong, "raises")
leave = partial(_go_wrong, "exits")
return_nan = _diverge
