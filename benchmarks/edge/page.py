"""The page of the replays: a table for each truth table, and one over all of them."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median

import numpy as np

from benchmarks.edge.methods import METHODS
from benchmarks.edge.replay import ENOUGH, MAX_GRIDS, Replay
from benchmarks.edge.tables import NUM_SEEDS, UNSEEN
from benchmarks.edge.truth import CLEAR, Truth
from benchmarks.results_file import table

TITLE = "What finding the edge of learning costs"

_COLUMNS = (
    "method",
    "core-seconds of a full grid, %: median",
    "90 %",
    "trials of a full grid, %: median",
    "90 %",
    "never",
    "core-seconds at the end, %",
    "Brier score",
    "wrong at the end",
    "wrong at worst",
    "measured",
    "inferred",
    "open",
)


def as_body(
    replays: Mapping[str, Mapping[str, Sequence[Replay]]],
    truths: Mapping[str, Truth],
    missing: Mapping[str, int],
) -> str:
    """Return the page without its title.

    Args:
        replays: By table and method.
        truths: The tables.
        missing: How many trainings the tables lack that were not replayed.
    """
    parts = [_introduction()]
    if len(replays) > 1:
        parts.append(f"## All tables\n\n{_over_tables(replays, truths)}")
    for name, by_method in replays.items():
        parts.append(f"## {name}\n\n{_about(truths[name])}\n\n{_of_table(by_method, truths[name])}")
    parts += [f"{name} lacks {num} trainings and was not replayed." for name, num in missing.items()]
    return "\n\n".join(parts)


def until_right(replays: Sequence[Replay], truth: Truth) -> list[float]:
    """Return the share of a full grid's core-seconds until enough was right in each replay; inf if never."""
    costs = [replay.cost_until_right for replay in replays]
    return [np.inf if cost is None else cost / truth.grid_cost for cost in costs]


def _introduction() -> str:
    low, high = CLEAR
    return f"""Replays of whole searches on tables of trainings that were made once. Each is the study that
Ray drives, on a virtual clock. Costs are those of the cost model for the updates that were trained, relative
to a full grid of {NUM_SEEDS} seeds, until {100 * ENOUGH:.0f} % of the clear cells are decided, right, and
stay so. In the table a share of at most {low} or at least {high} of a clear cell's seeds learned. *never*:
replays in which that did not happen until nothing more was asked or {MAX_GRIDS} grids were spent; they count
as infinitely dear. *90 %*: quantile over replays. *at the end*: when nothing more is asked, median. *Brier
score*: mean over all cells of (p of the surface - share of the table)², at that point, or at the end where it
was never reached. *wrong*: clear cells decided on the wrong side, mean over replays. *measured*, *inferred*,
*open*: cells at the end, mean over replays.

`today`: the grid's order, decided by a cell's own seeds only. All others have the same verdicts, inferred
ones included, and differ in the order: the first open cell of the grid; a random one; the one nearest to a
point of a Sobol' sequence; the one nearest to the proposal of Optuna's GP or TPE sampler, which minimises
|p - 1/2| with p = (k + 1/2) / (n + 1) of each cell; and ours (`goal=map`). `+ stops`: hopeless trials are
stopped, by rules that were calibrated on the family's other seeds (docs/futility.md)."""


def _about(truth: Truth) -> str:
    num_trainings = sum(map(len, truth.trainings.values()))
    max_seeds = truth.table.config.budget.most_seeds
    unseen = " Not looked at while anything was tuned." if truth.table.name == UNSEEN else ""
    return (
        f"`{' '.join(truth.table.words()[:-1])}`: {len(truth.trainings)} cells, {len(truth.clear)} of them "
        f"clear, {num_trainings} trainings. A full grid: {truth.grid_trials} trials, "
        f"{truth.grid_cost:.0f} core-seconds. A search may run {max_seeds} seeds of a cell.{unseen}"
    )


def _of_table(by_method: Mapping[str, Sequence[Replay]], truth: Truth) -> str:
    return table(_COLUMNS, [_row(name, replays, truth) for name, replays in by_method.items()])


def _row(name: str, replays: Sequence[Replay], truth: Truth) -> list[str]:
    num_trials = [replay.trials_until_right for replay in replays]
    trials = [np.inf if num is None else num / truth.grid_trials for num in num_trials]
    return [
        name,
        *_quantiles(until_right(replays, truth)),
        *_quantiles(trials),
        f"{num_trials.count(None)} of {len(replays)}",
        f"{100 * median(replay.costs[-1] for replay in replays) / truth.grid_cost:.1f}",
        f"{fmean(replay.brier for replay in replays):.3f}",
        f"{fmean(replay.wrong[-1] for replay in replays):.2f}",
        f"{fmean(max(replay.wrong) for replay in replays):.2f}",
        f"{fmean(replay.num_measured for replay in replays):.1f}",
        f"{fmean(replay.num_inferred for replay in replays):.1f}",
        f"{fmean(replay.num_open for replay in replays):.1f}",
    ]


def _quantiles(shares: Sequence[float]) -> Iterator[str]:
    """Yield the median and the 90 % quantile of shares, of which some may be infinite."""
    for quantile in (0.5, 0.9):
        # No value between a finite and an infinite one.
        value = float(np.quantile(shares, quantile, method="higher"))
        yield f"{100 * value:.1f}" if np.isfinite(value) else "never"


def _over_tables(replays: Mapping[str, Mapping[str, Sequence[Replay]]], truths: Mapping[str, Truth]) -> str:
    """Return a table of the median core-seconds by method and table, and of their median over tables."""
    rows = []
    for method in METHODS:
        shares = [
            float(np.quantile(until_right(by_method[method], truths[name]), 0.5, method="higher"))
            for name, by_method in replays.items()
            if method in by_method
        ]
        if shares:
            texts = [
                f"{100 * share:.1f}" if np.isfinite(share) else "never" for share in (*shares, median(shares))
            ]
            rows.append([method, *texts])
    heading = "Core-seconds of a full grid, %: median over replays"
    return f"{heading}\n\n{table(['method', *replays, 'median over tables'], rows)}"
