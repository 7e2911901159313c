"""How well hopeless trainings are recognised: python -m benchmarks.edge.futility [folds=8] [max_wrong=0.01].

Each family's cells are dealt to folds. A rule is calibrated on the others, its threshold included, and judges
the trainings of a fold, none of whose cells it has seen. Beside it: what the rule of all curves claims.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.arguments import parse_arguments
from benchmarks.edge.ship import families
from benchmarks.results_file import table, write_results
from failmap.analysis.statistics import wilson_interval
from failmap.search.futility.calibration import Curve, calibrate
from failmap.search.futility.families import Family
from failmap.search.futility.rule import Rule

TITLE = "How well hopeless trainings are recognised"
_COLUMNS = (
    "family",
    "updates",
    "trainings",
    "failed",
    "claimed: stopped",
    "wrong",
    "of failing updates saved, %",
    "cells not seen: stopped",
    "wrong",
    "wrong, % (95 %)",
    "of failing updates saved, %",
)


@dataclass(frozen=True)
class Judged:
    """What rules did to trainings that they had not seen.

    Attributes:
        failed: Trainings that failed.
        stopped, wrong: Trainings that were stopped, and those of them that learned.
        saved: Sum of the shares of their updates that failed ones were spared.
    """

    failed: int
    stopped: int
    wrong: int
    saved: float

    def __add__(self, other: "Judged") -> "Judged":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Judged(*(mine + others for mine, others in pairs))


def main() -> int:
    """Calibrate and judge all families, and write the page."""
    asked = parse_arguments(folds=8, max_wrong=0.01)
    rows, total = [], Judged(0, 0, 0, 0.0)
    for family in families():
        # The tables' trainings are three times as long as their maps'.
        num_evaluations = family.num_evaluations // 3
        curves = family.within(num_evaluations)
        rule = calibrate(curves, num_evaluations, asked.max_wrong)
        judged = held_out(curves, num_evaluations, asked.folds, asked.max_wrong)
        total += judged
        rows.append([*_claim(family, curves, num_evaluations, rule), *_found(judged)])
    rows.append(["all", *[""] * 6, *_found(total)])
    body = f"""A rule may be wrong in {100 * asked.max_wrong:g} % of its stops. "Claimed": by all curves of
the family, out of bag. "Cells not seen": {asked.folds} folds of cells, each judged by a rule of the others.
`-`: there is no rule, since none can be shown to be wrong that rarely.

{table(_COLUMNS, rows)}"""
    write_results("edge-futility", TITLE, body)
    return 0


def held_out(curves: Sequence[Curve], num_evaluations: int, folds: int, max_wrong: float) -> Judged:
    """Judge the curves of each fold of cells by a rule that is calibrated on the others."""
    cells = {cell: index for index, cell in enumerate(dict.fromkeys(curve.cell for curve in curves))}
    fold_of = np.random.default_rng(0).permutation(len(cells)) % folds
    total = Judged(0, 0, 0, 0.0)
    for fold in range(folds):
        mine = [curve for curve in curves if fold_of[cells[curve.cell]] == fold]
        others = [curve for curve in curves if fold_of[cells[curve.cell]] != fold]
        total += judge(mine, calibrate(others, num_evaluations, max_wrong))
    return total


def judge(curves: Sequence[Curve], rule: Rule | None) -> Judged:
    """Return what a rule does to trainings."""
    ends = [None if rule is None else rule.stops_at(curve.scores, curve.losses) for curve in curves]
    saved = sum(
        1 - end / len(curve.scores)
        for curve, end in zip(curves, ends, strict=True)
        if end is not None and not curve.has_learned
    )
    wrong = sum(curve.has_learned for curve, end in zip(curves, ends, strict=True) if end is not None)
    failed = sum(not curve.has_learned for curve in curves)
    return Judged(failed, sum(end is not None for end in ends), wrong, saved)


def _claim(family: Family, curves: Sequence[Curve], num_evaluations: int, rule: Rule | None) -> list[object]:
    failed = sum(not curve.has_learned for curve in curves)
    claimed = ["-"] * 3 if rule is None else [rule.stopped, rule.wrong, f"{100 * rule.saved:.0f}"]
    return [family.name, 50 * num_evaluations, len(curves), failed, *claimed]


def _found(judged: Judged) -> list[object]:
    low, high = wilson_interval(judged.wrong, judged.stopped)
    share = judged.wrong / judged.stopped if judged.stopped else 0.0
    interval = f"{100 * share:.1f} ({100 * low:.1f} to {100 * high:.1f})" if judged.stopped else "-"
    saved = f"{100 * judged.saved / judged.failed:.0f}" if judged.stopped else "-"
    return [judged.stopped, judged.wrong, interval, saved]


if __name__ == "__main__":
    sys.exit(main())
