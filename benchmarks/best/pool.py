"""Replays of all methods on all tables, in several processes."""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import optuna

from benchmarks.best.methods import METHODS, Named
from benchmarks.best.tables import HpoTable

#: What was named, by table, method and number of trials; one for each replay.
Replays = Mapping[tuple[str, str, int], Sequence[Named]]


def make_pool(jobs: int) -> ProcessPoolExecutor:
    """Return a pool of processes with one thread each."""
    # Read when numpy is imported, which is before an initializer.
    os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
    return ProcessPoolExecutor(jobs, get_context("spawn"), _be_quiet)


def replay_all(
    pool: ProcessPoolExecutor,
    tables: Sequence[str],
    methods: Sequence[str],
    trials: Sequence[int],
    num_replays: int,
    minutes: float,
) -> Replays:
    """Return all replays; fewer, each with all tables and methods, if no new one began in so many minutes."""
    found: dict[tuple[str, str, int], list[Named]] = defaultdict(list)
    began = time.monotonic()
    jobs = [
        (table, method, tuple(num for num in trials if num <= METHODS[method].most_trials))
        for method in methods
        for table in tables
        if not (METHODS[method].needs_ranges and table.startswith("nasbench201"))
    ]
    for replay in range(num_replays):
        if time.monotonic() - began > 60 * minutes:
            break
        futures = {job: pool.submit(_replay, *job, replay) for job in jobs if job[2]}
        for (table, method, _), future in futures.items():
            for num, named in future.result().items():
                found[table, method, num].append(named)
        print(f"replay {replay + 1} of {num_replays}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return found


@cache
def table_of(name: str) -> HpoTable:
    """Return a table, which is read once in each process."""
    return HpoTable(name)


def _replay(table: str, method: str, trials: Sequence[int], replay: int) -> dict[int, Named]:
    chosen = METHODS[method]
    return chosen.run(table_of(table), chosen.encoding, replay, trials)


def _be_quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
