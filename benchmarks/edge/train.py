"""Train the truth tables: python -m benchmarks.edge.train [tables=adding,parity] [jobs=2] [seeds=16].

What is there is kept: the command goes on where it was stopped. All five take about six core-hours.
`more=16` adds seeds to every cell, within the map's budget only: curves from which ship.py makes those that
calibrate the rule for hopeless trainings.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from time import process_time

from benchmarks.arguments import parse_arguments
from benchmarks.edge.tables import NAMES, NUM_SEEDS, NUM_SEEDS_BETWEEN, TIMES_BUDGET, Curve, Table
from benchmarks.known_results.trainings import train
from failmap.search.cost import relative_cost
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig


def main() -> int:
    """Train what the tables lack, several trainings at a time, each on one thread."""
    arguments = parse_arguments(tables=",".join(NAMES), jobs=2, seeds=NUM_SEEDS_BETWEEN, more=0)
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        for num_seeds in sorted({min(NUM_SEEDS, arguments.seeds), arguments.seeds}):
            for name in arguments.tables.split(","):
                table = Table(name)
                fill(table, missing_trainings(table, num_seeds), pool, arguments.jobs)
        for name in arguments.tables.split(","):
            table = Table(name)
            fill(table, missing_short_ones(table, arguments.more), pool, arguments.jobs)
    return 0


def fill(
    table: Table, missing: Sequence[tuple[TrialConfig, Cell]], pool: ProcessPoolExecutor, jobs: int
) -> None:
    """Train what a table lacks."""
    costs = [relative_cost(config) for config, _ in missing]
    total, done = sum(costs), 0.0
    running: dict[Future[Curve], float] = {}
    for (config, cell), cost in zip(missing, costs, strict=True):
        if len(running) > jobs:
            done += collect(table, running)
        running[pool.submit(train_curve, config, cell.values)] = cost
        print(f"{table.name}: {cell}, seed {config.seed}; {done:.0f} of {total:.0f}", flush=True)
    while running:
        done += collect(table, running)


def collect(table: Table, running: dict[Future[Curve], float]) -> float:
    """Add the trainings that have ended, waiting for one; return their cost."""
    ended, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in ended:
        table.add(future.result())
    return sum(running.pop(future) for future in ended)


def missing_trainings(table: Table, num_seeds: int) -> list[tuple[TrialConfig, Cell]]:
    """Return the trainings that a table lacks up to a number of seeds, seed by seed.

    There are more than the first seeds only where some of these learned, and some did not.
    """
    seeds, learned = defaultdict(set), defaultdict(int)
    for curve in table.curves():
        seeds[curve.labels].add(curve.seed)
        learned[curve.labels] += curve.seed < NUM_SEEDS and curve.has_learned_within(table.max_updates)
    missing = []
    for seed in range(num_seeds):
        for cell in table.cells():
            labels = cell.values
            is_between = 0 < learned[labels] < NUM_SEEDS
            if seed not in seeds[labels] and (seed < NUM_SEEDS or is_between):
                missing.append((config_of(table, cell, seed), cell))
    return missing


def missing_short_ones(table: Table, more: int) -> list[tuple[TrialConfig, Cell]]:
    """Return the trainings that a table lacks of so many seeds of every cell after all others."""
    there = {(curve.labels, curve.seed) for curve in table.curves()}
    return [
        (config_of(table, cell, seed, times=1), cell)
        for seed in range(NUM_SEEDS_BETWEEN, NUM_SEEDS_BETWEEN + more)
        for cell in table.cells()
        if (cell.values, seed) not in there
    ]


def config_of(table: Table, cell: Cell, seed: int, times: int = TIMES_BUDGET) -> TrialConfig:
    """Return a training of the default recipe within the map's budget of updates, or several times that."""
    space = table.config.space
    config = space.built_in_trial(cell, space.default_recipe(cell), seed)
    train = config.train.model_copy(update={"max_updates": times * config.train.max_updates})
    return config.model_copy(update={"train": train})


def train_curve(config: TrialConfig, labels: tuple[object, ...]) -> Curve:
    """Run one training."""
    started = process_time()
    result = train(config)
    return Curve(
        labels=labels,
        seed=config.seed,
        learned_at=result.updates if result.has_learned else None,
        updates=result.updates,
        seconds=round(process_time() - started, 2),
        scores=tuple(round(1000 * evaluation.score) for evaluation in result.evaluations),
        losses=tuple(rounded(evaluation.train_loss) for evaluation in result.evaluations),
    )


def rounded(loss: float | None) -> float | None:
    """Return a loss to four digits."""
    return None if loss is None or not math.isfinite(loss) else float(f"{loss:.4g}")


if __name__ == "__main__":
    sys.exit(main())
