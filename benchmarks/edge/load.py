"""What the allocation itself costs on a large map: python -m benchmarks.edge.load [trials=10000].

Nothing is trained: outcomes are drawn from an edge that is one half in one cell of each row, so that there is
always something to ask. Pending trials end in random order.
"""

import os
import sys
from time import perf_counter, process_time

# Read when numpy is imported, which the imports below do.
os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})

import numpy as np
from jaxtyping import Float

from benchmarks.arguments import parse_arguments
from benchmarks.results_file import table, write_results
from failmap.search.allocation.boundary_allocation import BoundaryAllocation
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import Allocation
from failmap.search.config import RunConfig
from failmap.search.loading.request import load
from failmap.search.space import Cell

TITLE = "What the choice of the next trial costs"
#: 25 lengths, four to an octave, at six depths.
LENGTHS, DEPTHS = [round(2 ** (3 + index / 4)) for index in range(25)], range(1, 7)
#: The allocation's cost is given for each of so many parts of the run, for it may grow with its trials.
_NUM_PARTS = 4


def main() -> int:
    """Ask for all trials, and write the page."""
    asked = parse_arguments(trials=10_000, pending=200, seconds=60.0, batch=1, seed=0)
    times, num_trials = ask_all(asked.trials, asked.pending, asked.batch, asked.seed)
    per_second = asked.pending / asked.seconds
    body = f"""A map of {len(LENGTHS) * len(DEPTHS)} cells, {num_trials:,} trials without training, of which
{asked.pending} are pending at a time; {len(times):,} decisions, {asked.batch} trials of a cell after each.
The share of a core is the CPU time for {asked.pending} workers whose trials take {asked.seconds:g} s each, so
that {per_second:.2f} are asked for in a second.

{as_table(times, per_second)}"""
    write_results("edge-load", TITLE, body)
    return 0


def as_table(times: Float[np.ndarray, "decisions 2"], per_second: float) -> str:
    """Return a table of the seconds of all decisions, and of each part of them, if so many are asked for."""
    parts = {"all": times}
    for num, part in enumerate(np.array_split(times, _NUM_PARTS), start=1):
        parts[f"part {num} of {_NUM_PARTS}"] = part
    columns = (
        "decisions",
        "median, ms",
        "99 %",
        "worst",
        "CPU time: mean, ms",
        "worst",
        "share of a core, %",
    )
    return table(columns, [[name, *_row(part, per_second)] for name, part in parts.items()])


def ask_all(
    max_trials: int, pending: int, batch: int, seed: int
) -> tuple[Float[np.ndarray, "decisions 2"], int]:
    """Ask until there are enough trials or nothing is asked.

    Args:
        max_trials: Trials in all.
        pending: Trials that run at a time.
        batch: Trials that follow each decision, in the cell that was chosen; more than one for a quick look.
        seed: Of the run and of the outcomes.

    Returns:
        Wall-clock seconds and CPU seconds of each decision, and the number of trials.
    """
    config = _config(max_trials, seed)
    allocation, random = BoundaryAllocation(config), np.random.default_rng(seed)
    running: list[KnownTrial] = []
    times: list[tuple[float, float]] = []
    num_trials = 0
    while num_trials < max_trials:
        wall, cpu = perf_counter(), process_time()
        trial = allocation.next()
        times.append((perf_counter() - wall, process_time() - cpu))
        if trial is None:
            if not running:
                break
            _end(allocation, running, random)
            continue
        for _ in range(min(batch, max_trials - num_trials)):
            known = KnownTrial(num_trials, trial.cell, 0, trial.recipe, trial.purpose, trial.seed)
            allocation.begin(known)
            running.append(known)
            num_trials += 1
            if len(running) >= pending:
                _end(allocation, running, random)
    return np.array(times), num_trials


def p_learn(cell: Cell) -> float:
    """Return P(learn): one half in one cell of each row, and surely another in the others."""
    length, depth = cell.values[:2]
    steps = LENGTHS.index(length) - 14 + 2 * depth
    return float(1 / (1 + np.exp(2.0 * steps)))


def _end(allocation: Allocation, running: list[KnownTrial], random: np.random.Generator) -> None:
    trial = running.pop(int(random.integers(len(running))))
    has_learned = random.random() < p_learn(trial.cell)
    allocation.end(trial, "learned" if has_learned else "failed", float(has_learned))


def _config(max_trials: int, seed: int) -> RunConfig:
    return load(
        [
            "space=lstm_depth",
            f"task.sequence_length={','.join(map(str, LENGTHS))}",
            f"model.depth={','.join(map(str, DEPTHS))}",
            "model.hidden_size=32",
            f"budget.max_seeds={max_trials}",
            f"seed={seed}",
            "run=load",
        ]
    )


def _row(times: Float[np.ndarray, "decisions 2"], per_second: float) -> list[str]:
    wall, cpu = 1000 * times.T
    return [
        f"{np.median(wall):.0f}",
        f"{np.quantile(wall, 0.99):.0f}",
        f"{wall.max():.0f}",
        f"{cpu.mean():.1f}",
        f"{cpu.max():.0f}",
        f"{cpu.mean() * per_second / 10:.1f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
