"""The error and the seeds of the rule that decides a cell, beside the rule before it: two tables in Markdown.

Nothing is trained or drawn: the probability of every number of learned seeds at every look is added up.
`python -m benchmarks.decision_rule` prints the tables of docs/failure_map.md.
"""

from math import comb

from benchmarks.arguments import parse_arguments
from benchmarks.results_file import table
from failmap.analysis.sequential import (
    DEFAULT_RULE,
    FIRST_LOOK,
    Behaviour,
    Look,
    Rule,
    cell_error,
    enumerate_rule,
)
from failmap.analysis.statistics import wilson_interval

#: Until 2026-11-29 a cell was looked at after four seeds, then after twice as many, by Wilson's interval.
_OLD_SEEDS = 4
_LIMITS = ((8, 10), (16, 16), (32, 32), (64, 64))


def old_rule(max_seeds: int) -> Rule:
    """Return the looks of the old rule, each of which decides if the interval excludes one half."""
    looks, num = [], _OLD_SEEDS
    while num <= max_seeds:
        below = max(k for k in range(-1, num) if k < 0 or wilson_interval(k, num).high < 0.5)
        looks.append(Look(num, num - below, below))
        num *= 2
    return Rule(tuple(looks))


def old_behaviour(p_learn: float, max_seeds: int) -> Behaviour:
    """Return what the old rule did to a recipe; it did not end early where no look could decide."""
    return enumerate_rule(old_rule(max_seeds), p_learn, max_seeds, min_seeds=max_seeds)


def old_error(num_recipes: int, max_seeds: int) -> float:
    """Return how often a cell with P(learn) = 1/2 was decided; with several recipes, how often as *learns*.

    A further recipe was confirmed if it learned on at least half of four seeds.
    """
    found = old_behaviour(0.5, max_seeds)
    if num_recipes == 1:
        return found.above + found.below
    chosen = sum(comb(_OLD_SEEDS, k) for k in range(_OLD_SEEDS // 2, _OLD_SEEDS + 1)) / 2**_OLD_SEEDS
    return float(1 - (1 - found.above) * (1 - chosen * found.above) ** (num_recipes - 1))


def by_chance() -> str:
    """Return a table of what both rules decide over P(learn), with the budgets' usual limits."""
    rows = []
    for tenth in range(11):
        p_learn = tenth / 10
        old = old_behaviour(p_learn, 8)
        new = [enumerate_rule(DEFAULT_RULE, p_learn, limit, FIRST_LOOK) for limit in (10, 16, 64)]
        cells = [
            f"{100 * one.above:.1f} / {100 * one.below:.1f} | {one.num_seeds:.1f}" for one in (old, *new)
        ]
        rows.append([f"{p_learn:.1f}", *" | ".join(cells).split(" | ")])
    columns = ["P(learn)"]
    for name in ("old rule, 4 and 8", "up to 10", "up to 16", "up to 64"):
        columns += [f"{name}: learns / fails, %", "seeds"]
    return table(columns, rows)


def by_recipes() -> str:
    """Return a table of the errors at P(learn) = 1/2 by the number of recipes and of seeds."""
    rows = []
    for num in (1, 2, 3, 6):
        errors = [(old_error(num, before), cell_error(num, now)) for before, now in _LIMITS]
        rows.append([num, *(f"{100 * old:.1f} / {100 * new:.1f}" for old, new in errors)])
    limits = [f"{now} seeds" if before == now else f"{before} / {now} seeds" for before, now in _LIMITS]
    return table(["recipes", *limits], rows)


def main() -> None:
    """Print both tables."""
    parse_arguments()
    print(by_chance(), by_recipes(), sep="\n\n")


if __name__ == "__main__":
    main()
