"""Replays in several processes."""

import os
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import optuna

from benchmarks.edge.methods import METHODS
from benchmarks.edge.replay import Replay, replay
from benchmarks.edge.tables import Table
from benchmarks.edge.truth import Truth


def make_pool(jobs: int) -> ProcessPoolExecutor:
    """Return a pool of processes with one thread each: matrices are too small for more."""
    # Read when numpy and torch are imported, which is before an initializer.
    os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
    return ProcessPoolExecutor(jobs, get_context("spawn"), _be_quiet)


def replay_methods(
    pool: ProcessPoolExecutor, table: str, curves: str, methods: Sequence[str], num_replays: int, workers: int
) -> dict[str, list[Replay]]:
    """Return the replays of each method on a table; print a line for each that has ended."""
    futures = {
        pool.submit(_replay, table, curves, method, seed, workers): (method, seed)
        for seed in range(num_replays)
        for method in methods
    }
    for num, future in enumerate(as_completed(futures), start=1):
        method, seed = futures[future]
        until = future.result().trials_until_right
        print(
            f"{table}: {num} of {len(futures)}; {method}, seed {seed}: {until} trials",
            file=sys.stderr,
            flush=True,
        )
    replays: dict[str, list[Replay]] = {method: [] for method in methods}
    for future, (method, _) in futures.items():
        replays[method].append(future.result())
    return replays


@cache
def truth_of(table: str, curves: str) -> Truth:
    """Return a table, which is read once in each process."""
    return Truth(Table(table, Path(curves)))


def _replay(table: str, curves: str, method: str, seed: int, workers: int) -> Replay:
    return replay(truth_of(table, curves), METHODS[method], seed=seed, workers=workers)


def _be_quiet() -> None:
    """Silence Optuna: its GP complains as long as all values are equal."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
