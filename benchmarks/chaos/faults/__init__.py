"""All kinds of faults, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.chaos.faults import (
    bad_trials,
    clock,
    driver_killed,
    interrupts,
    nodes,
    object_store,
    ray_start,
    storage,
    torn,
    two_drivers,
    workers,
)
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.tally import Tally


@dataclass(frozen=True)
class Fault:
    """A way to disturb runs.

    Attributes:
        what: description in the table.
        minutes: share of a complete benchmark of twenty minutes.
        disturb: disturbs runs and counts the effects for as long as `Tally.goes_on`.
    """

    what: str
    minutes: float
    disturb: Callable[[Lab, Tally], None]

    def inject(self, lab: Lab, tally: Tally, seconds: float) -> None:
        """Disturb runs until the seconds are spent, at least once."""
        tally.allowed_seconds = seconds
        tally.start_clock()
        self.disturb(lab, tally)


#: Cheap faults first.
FAULTS: dict[str, Fault] = {
    "torn_journal": Fault("journal's last line torn, at every byte", 0.5, torn.tear_journals),
    "torn_history": Fault("history's last line torn, at every byte", 0.4, torn.tear_histories),
    "half_checkpoint": Fault("half-written checkpoint", 0.3, torn.tear_checkpoints),
    "small_driver_killed": Fault("driver without Ray killed -9", 0.4, driver_killed.kill_small_drivers),
    "small_clock": Fault("a clock that jumps, without Ray", 0.1, clock.jump_small),
    "two_small_drivers": Fault("two drivers without Ray on one run", 0.3, two_drivers.start_small_twice),
    "two_drivers": Fault("two drivers on one run", 0.5, two_drivers.start_twice),
    "ray_cannot_start": Fault("Ray that cannot start", 0.3, ray_start.refuse),
    "driver_killed": Fault("driver killed -9", 8.5, driver_killed.kill_drivers),
    "worker_killed": Fault("worker killed -9", 0.5, workers.kill_workers),
    "worker_preempted": Fault("worker preempted (SIGTERM)", 0.5, workers.preempt_workers),
    "node_lost": Fault("node killed and replaced", 0.7, nodes.lose_nodes),
    "head_lost": Fault("head node lost, another cluster", 0.5, nodes.lose_head),
    "storage_fails": Fault("storage that fails for a while", 0.5, storage.fail),
    "storage_slow": Fault("storage that is slow for a while", 0.5, storage.slow_down),
    "storage_full": Fault("storage that is full for a while", 0.5, storage.pretend_full),
    "disk_full": Fault("a small disk that is full", 0.3, storage.fill),
    "object_store": Fault("an S3 server that hangs up, is busy, is slow", 0.8, object_store.disturb_store),
    "clock": Fault("a clock that jumps by hours", 0.4, clock.jump),
    "trial_hangs": Fault("a trial that hangs", 0.4, bad_trials.hang),
    "trial_eats_memory": Fault("a trial that exhausts its memory", 0.4, bad_trials.eat_memory),
    "trial_raises": Fault("a trial that raises", 0.3, bad_trials.raise_error),
    "trial_exits": Fault("a trial that calls sys.exit", 0.3, bad_trials.leave),
    "trial_returns_nan": Fault("a trial that returns NaN", 0.3, bad_trials.return_nan),
    "ctrl_c": Fault("Ctrl-C, once and twice", 0.6, interrupts.press_ctrl_c),
}
