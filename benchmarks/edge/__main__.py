"""Replay searches on the truth tables: python -m benchmarks.edge [tables=parity,order] [replays=50] [jobs=2].

The table that nothing is tuned on is replayed only if it is named.
"""

import os
import sys
import warnings
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import optuna

from benchmarks.arguments import parse_arguments
from benchmarks.edge.methods import METHODS
from benchmarks.edge.page import TITLE, as_body
from benchmarks.edge.replay import Replay, replay
from benchmarks.edge.tables import CURVES, NAMES, UNSEEN, Table
from benchmarks.edge.truth import Truth
from benchmarks.results_file import write_results


def main() -> int:
    """Replay every method on every complete table, and write the page."""
    asked = parse_arguments(
        tables=",".join(name for name in NAMES if name != UNSEEN),
        methods=",".join(METHODS),
        replays=50,
        workers=2,
        jobs=2,
        curves=str(CURVES),
    )
    tables, methods = asked.tables.split(","), asked.methods.split(",")
    for kind, names, known in (("tables", tables, NAMES), ("methods", methods, METHODS)):
        if unknown := [name for name in names if name not in known]:
            sys.exit(f"unknown {kind}: {', '.join(unknown)}; known: {', '.join(known)}")
    missing = {name: Table(name, Path(asked.curves)).num_missing for name in tables}
    complete = [name for name in tables if not missing[name]]
    # Inherited by the processes of the pool, where matrices are too small for several threads.
    os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
    replays: dict[str, dict[str, list[Replay]]] = defaultdict(dict)
    with ProcessPoolExecutor(asked.jobs, get_context("spawn"), be_quiet) as pool:
        for name in complete:
            futures = {
                pool.submit(replay_method, name, asked.curves, method, seed, asked.workers): (method, seed)
                for seed in range(asked.replays)
                for method in methods
            }
            for num, future in enumerate(as_completed(futures), start=1):
                method, seed = futures[future]
                until = future.result().trials_until_right
                print(f"{name}: {num} of {len(futures)}; {method}, seed {seed}: {until}", file=sys.stderr)
            by_method = {(method, seed): future.result() for future, (method, seed) in futures.items()}
            for method in methods:
                replays[name][method] = [by_method[method, seed] for seed in range(asked.replays)]
    truths = {name: truth_of(name, asked.curves) for name in complete}
    write_results(
        "edge", TITLE, as_body(replays, truths, {name: num for name, num in missing.items() if num})
    )
    return 0


def be_quiet() -> None:
    """Silence Optuna: its GP complains as long as all values are equal."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)


def replay_method(name: str, curves: str, method: str, seed: int, workers: int) -> Replay:
    """Return one replay, in a process of the pool."""
    return replay(truth_of(name, curves), METHODS[method], seed=seed, workers=workers)


@cache
def truth_of(name: str, curves: str) -> Truth:
    """Return a table, read once in each process."""
    return Truth(Table(name, Path(curves)))


if __name__ == "__main__":
    sys.exit(main())
