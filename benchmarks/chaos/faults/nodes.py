"""Cluster nodes that die: a worker node, which is replaced, or the head, which takes all others with it."""

from benchmarks.chaos.cluster import LocalCluster
from benchmarks.chaos.drivers import Driver
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.tally import Tally, ended_trials

#: A trial may lose as many nodes as there are faults.
PATIENT = ("cluster.retries={lost: 50}",)
#: Seconds until a driver considers a silent head lost, and until it must have ended.
LOST_SECONDS = 8
NOTICED_SECONDS = 60.0
#: Seconds between losses; the workers of a new node need some to import torch.
EVERY_SECONDS = 12.0


def lose_nodes(lab: Lab, tally: Tally) -> None:
    """Kill and replace one of two worker nodes repeatedly."""
    assert lab.undisturbed, "made before the cluster starts"
    with LocalCluster(lab.scratch, num_nodes=2) as cluster:

        def lose(driver: Driver) -> None:
            cluster.lose_node(lab.rng)
            tally.tried += 1
            cluster.add_node()
            driver.wait(EVERY_SECONDS)

        arguments = (f"cluster.address={cluster.address}", *PATIENT)
        lab.disturb_runs(tally, "node-lost", lose, *arguments, environment=cluster.environment)


def lose_head(lab: Lab, tally: Tally) -> None:
    """Kill the whole cluster; the run resumes on another one with the same storage."""
    while tally.goes_on:
        folder = lab.new_run("head-lost")
        with LocalCluster(lab.scratch, num_nodes=2) as lost:
            arguments = (
                f"cluster.address={lost.address}",
                f"cluster.head_lost_seconds={LOST_SECONDS}",
                *PATIENT,
            )
            driver = lab.start(folder, *arguments, environment=lost.environment)
            driver.wait_until(lambda: len(ended_trials(folder)) >= 2)  # noqa: B023 - awaited in this iteration
            lost.lose_everything()
            tally.tried += 1
            status = driver.wait(NOTICED_SECONDS)
        if status is None:
            tally.remarks.append(f"head lost: not noticed by the driver within {NOTICED_SECONDS:.0f} s")
            driver.sweep()
        else:
            lab.check_exit(tally, folder, driver, status)
        with LocalCluster(lab.scratch, num_nodes=2) as fresh:
            arguments = (f"cluster.address={fresh.address}", *PATIENT)
            driver = lab.start(folder, *arguments, environment=fresh.environment)
            if not lab.finish(tally, folder, driver, *arguments, environment=fresh.environment):
                return
            tally.compare(folder, lab.undisturbed)
