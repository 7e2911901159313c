"""What the allocation itself costs on a large map: python -m benchmarks.edge.load [trials=10000] [pending=200].

Nothing is trained: outcomes are drawn from an edge that is one half in one cell of each row, so that there is
always something to ask. Pending trials end in random order.
"""

import os
import sys
from time import perf_counter

# Read when numpy is imported, which the imports below do.
os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})

import numpy as np  # noqa: E402

from benchmarks.arguments import parse_arguments  # noqa: E402
from benchmarks.results_file import table, write_results  # noqa: E402
from failmap.search.allocation.boundary_allocation import BoundaryAllocation  # noqa: E402
from failmap.search.allocation.known_trials import KnownTrial  # noqa: E402
from failmap.search.allocation.map_allocation import Allocation  # noqa: E402
from failmap.search.config import RunConfig  # noqa: E402
from failmap.search.loading.request import load  # noqa: E402
from failmap.search.space import Cell  # noqa: E402

TITLE = "What the choice of the next trial costs"
#: 25 lengths, four to an octave, at six depths.
LENGTHS, DEPTHS = [round(2 ** (3 + index / 4)) for index in range(25)], range(1, 7)
#: The allocation's cost is given for each of so many parts of the run, for it may grow with its trials.
_NUM_PARTS = 4


def main() -> int:
    """Ask for all trials, and write the page."""
    asked = parse_arguments(trials=10_000, pending=200, seconds=60.0, batch=1, seed=0)
    seconds, num_trials = ask_all(asked.trials, asked.pending, asked.batch, asked.seed)
    parts = [seconds, *np.array_split(seconds, _NUM_PARTS)]
    names = ["all", *(f"part {part} of {_NUM_PARTS}" for part in range(1, _NUM_PARTS + 1))]
    per_second = asked.pending / asked.seconds
    rows = [[name, *_row(np.asarray(part), per_second)] for name, part in zip(names, parts, strict=True)]
    body = f"""A map of {len(LENGTHS) * len(DEPTHS)} cells, {num_trials:,} trials without training, {asked.pending}
pending at a time, {len(seconds):,} decisions ({asked.batch} trials of a cell for each). The share of a core is for
{asked.pending} workers whose trials take {asked.seconds:g} s each: {per_second:.2f} decisions a second.

{table(["decisions", "median, ms", "99 %, ms", "worst, ms", "mean, ms", "share of one core, %"], rows)}"""
    write_results("edge-load", TITLE, body)
    return 0


def ask_all(max_trials: int, pending: int, batch: int, seed: int) -> tuple[np.ndarray, int]:
    """Ask until there are enough trials or nothing is asked.

    Args:
        max_trials: Trials in all.
        pending: Trials that run at a time.
        batch: Trials that follow each decision, in the cell that was chosen; more than one for a quick look.
        seed: Of the run and of the outcomes.

    Returns:
        Wall-clock seconds of each decision, and the number of trials.
    """
    config = _config(max_trials, seed)
    allocation, random = BoundaryAllocation(config), np.random.default_rng(seed)
    running: list[KnownTrial] = []
    seconds: list[float] = []
    num_trials = 0
    while num_trials < max_trials:
        before = perf_counter()
        trial = allocation.next()
        seconds.append(perf_counter() - before)
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
    return np.array(seconds), num_trials


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


def _row(seconds: np.ndarray, per_second: float) -> list[str]:
    milliseconds = 1000 * seconds
    return [
        f"{np.median(milliseconds):.0f}",
        f"{np.quantile(milliseconds, 0.99):.0f}",
        f"{milliseconds.max():.0f}",
        f"{milliseconds.mean():.1f}",
        f"{100 * seconds.mean() * per_second:.1f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
