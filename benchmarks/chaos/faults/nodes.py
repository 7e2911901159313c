"""Nodes of a cluster that die: one of two, which is replaced, and the head, which takes all with it."""

import time

from benchmarks.chaos.cluster import LocalCluster
from benchmarks.chaos.lab import Lab, time_left
from benchmarks.chaos.tally import Tally, ended_trials

#: A trial may lose as many nodes as there are faults.
PATIENT = ("cluster.retries={lost: 50}",)
#: When a driver takes a silent head for lost, and until when it must have ended.
LOST_SECONDS = 8
NOTICED_SECONDS = 60.0
#: Seconds from one loss to the next: a new node's workers take some to import torch.
EVERY_SECONDS = 12.0


def lose_nodes(lab: Lab, tally: Tally, seconds: float) -> None:
    """Two nodes beside a head: again and again one is killed and replaced."""
    undisturbed, deadline = lab.undisturbed, time.monotonic() + seconds
    with LocalCluster(lab.scratch, num_nodes=2) as cluster:
        while time_left(deadline) or not tally.tried:
            folder = lab.new_run("node-lost")
            words = (f"cluster.address={cluster.address}", *PATIENT)
            driver = lab.start(folder, *words, environment=cluster.environment)
            driver.wait_until(lambda: bool(ended_trials(folder)))  # noqa: B023 - awaited within this turn
            while driver.is_alive and (time_left(deadline) or not tally.tried):
                cluster.lose_node(lab.moments)
                tally.tried += 1
                cluster.add_node()
                driver.wait(EVERY_SECONDS)
            if not lab.bring_to_its_end(tally, folder, driver, *words, environment=cluster.environment):
                return
            tally.compare(folder, undisturbed)


def lose_head(lab: Lab, tally: Tally, seconds: float) -> None:
    """The whole cluster is lost; the run goes on on another one, over the same storage."""
    deadline = time.monotonic() + seconds
    while time_left(deadline) or not tally.tried:
        folder = lab.new_run("head-lost")
        with LocalCluster(lab.scratch, num_nodes=2) as lost:
            words = (f"cluster.address={lost.address}", f"cluster.head_lost_seconds={LOST_SECONDS}", *PATIENT)
            driver = lab.start(folder, *words, environment=lost.environment)
            driver.wait_until(lambda: len(ended_trials(folder)) >= 2)  # noqa: B023 - awaited within this turn
            lost.lose_everything()
            tally.tried += 1
            status = driver.wait(NOTICED_SECONDS)
        if status is None:
            tally.remarks.append(f"head lost: the driver has not noticed within {NOTICED_SECONDS:.0f} s")
            driver.sweep()
        else:
            lab.judge(tally, folder, driver, status)
        with LocalCluster(lab.scratch, num_nodes=2) as fresh:
            words = (f"cluster.address={fresh.address}", *PATIENT)
            driver = lab.start(folder, *words, environment=fresh.environment)
            if not lab.bring_to_its_end(tally, folder, driver, *words, environment=fresh.environment):
                return
            tally.compare(folder, lab.undisturbed)
