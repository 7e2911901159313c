"""A short form of `make chaos`: seconds of each fault that needs no Ray, compared with undisturbed runs."""

import pytest

from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.tally import Tally, ended_trials, history_of, records_of

SECONDS = {
    "torn_journal": 2.0,
    "torn_history": 2.0,
    "half_checkpoint": 1.5,
    "small_driver_killed": 2.0,
    "small_clock": 0.0,
    "two_small_drivers": 2.0,
}


#: The others run in `make test-all`.
QUICK = ("torn_journal", "small_driver_killed")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in SECONDS]
)
def test_fault_has_no_effect(lab: Lab, name: str) -> None:
    tally = Tally(name)
    FAULTS[name].inject(lab, tally, SECONDS[name])
    assert tally.tried
    assert tally.is_clean, tally


def test_comparison_detects_effects(lab: Lab) -> None:
    folder = lab.new_small_run("spoiled")
    undisturbed = ended_trials(folder)
    first, second, third, *_ = records_of(folder)

    spoiled = folder.trial(first.number).history
    spoiled.write_text(spoiled.read_text().replace('"update":5', '"update":6', 1))
    behind = folder.trial(second.number).record
    behind.write_text(behind.read_text().replace('"attempt": 1', '"attempt": 2'))
    folder.trial(third.number).record.unlink()

    tally = Tally("spoiled")
    tally.compare(folder, undisturbed)
    assert (tally.histories, tally.decisions) == (1, 1)
    assert tally.lost == 2, "in the undisturbed run and in the journal"
    assert history_of(folder, first.number)[0]["update"] == 6
