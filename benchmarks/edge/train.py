"""Train the truth tables: python -m benchmarks.edge.train [tables=adding,parity] [jobs=2] [seeds=16].

What is there is kept: the command goes on where it was stopped. All five take about six core-hours.
"""

import math
import sys
from collections import defaultdict
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
    arguments = parse_arguments(tables=",".join(NAMES), jobs=2, seeds=NUM_SEEDS_BETWEEN)
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        for num_seeds in sorted({min(NUM_SEEDS, arguments.seeds), arguments.seeds}):
            for name in arguments.tables.split(","):
                fill(Table(name), num_seeds, pool, arguments.jobs)
    return 0


def fill(table: Table, num_seeds: int, pool: ProcessPoolExecutor, jobs: int) -> None:
    """Train what a table lacks up to a number of seeds, beyond the first ones where only some learned."""
    missing = missing_trainings(table, num_seeds)
    total, done = sum(cost for *_, cost in missing), 0.0
    running: dict[Future[Curve], float] = {}
    for cell, seed, cost in missing:
        if len(running) > jobs:
            done += collect(table, running)
        running[pool.submit(train_curve, config_of(table, cell, seed), cell.values)] = cost
        print(f"{table.name}, {num_seeds} seeds: {cell}, seed {seed}; {done:.0f} of {total:.0f}", flush=True)
    while running:
        done += collect(table, running)


def collect(table: Table, running: dict[Future[Curve], float]) -> float:
    """Add the trainings that have ended, waiting for one; return their cost."""
    ended, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in ended:
        table.add(future.result())
    return sum(running.pop(future) for future in ended)


def missing_trainings(table: Table, num_seeds: int) -> list[tuple[Cell, int, float]]:
    """Return cell, seed and relative cost of the trainings that a table lacks, seed by seed."""
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
                missing.append((cell, seed, relative_cost(config_of(table, cell, seed))))
    return missing


def config_of(table: Table, cell: Cell, seed: int) -> TrialConfig:
    """Return a training of the default recipe with the table's budget of updates."""
    space = table.config.space
    config = space.built_in_trial(cell, space.default_recipe(cell), seed)
    train = config.train.model_copy(update={"max_updates": TIMES_BUDGET * config.train.max_updates})
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
