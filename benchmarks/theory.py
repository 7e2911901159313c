"""How well learning is foretold from initialization: python -m benchmarks.theory [short|full] [processes].

Small networks are trained on small tasks, over length and depth; a forecast is fitted to their signals at
initialization, and judged on tasks and on networks that it had not seen, beside simple orders that need no
signal at all. Writes the coefficients that `python -m search.forecast` goes by. `full` takes every cell, in
at most 15 minutes on 2 cores; `short`, the default, one cell in three. Goes on where it was cut off.

The form of the forecast (offsets by task and by network) was chosen by looking at the short setting. So the
full one fits on all cells, and judges by those that the short one does not have.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import get_args

from benchmarks.results_file import write_results
from benchmarks.theory_cases import (
    DEPTHS,
    MAX_UPDATES,
    NETWORKS,
    NUM_SEEDS,
    TASKS,
    Case,
    Setting,
    cases,
    in_processes,
    outcomes_of,
)
from failmap.analysis.statistics import Interval
from failmap.analysis.storage import write_atomically
from failmap.analysis.theory.auroc import Measured, areas, auroc, percentile_interval, resampled
from failmap.analysis.theory.features import SIGNAL_SIGNS, SIGNS, numbers
from failmap.analysis.theory.fit import FILE, Fit, LeftOut
from failmap.analysis.theory.logistic import Logistic
from failmap.search.forecast.measure import NUM_SEEDS as NUM_INITIALIZATIONS
from failmap.search.forecast.measure import initial_signals

#: What is fitted to the cells that are not left out: numbers with the signs that they may have.
FORECAST = "forecast"
FITTED: dict[str, dict[str, int]] = {
    FORECAST: SIGNS,
    "signals alone": SIGNAL_SIGNS,
    "length and depth, fitted": {"log10_steps": -1, "depth": -1},
    "parameters, fitted": {"log10_parameters": 0},
}
#: Orders that need no fit.
SIMPLE = {"shorter first": "log10_steps", "shallower first": "depth"}
BASELINES = ("length and depth, fitted", "parameters, fitted", *SIMPLE)


@dataclass(frozen=True)
class Cell:
    """One cell as it was measured.

    Attributes:
        case: which.
        numbers: from its signals at initialization.
        learned: how many of its trainings did.
        is_judged: whether it counts in the AUROC.
        training_seconds: of one of its trainings, the mean.
        signal_seconds: of all its initializations together.
    """

    case: Case
    numbers: dict[str, float]
    learned: int
    is_judged: bool
    training_seconds: float
    signal_seconds: float


def measure(setting: Setting, num_processes: int) -> list[Cell]:
    """Trains what is to be trained, and looks at what is not trained yet."""
    chosen, chosen_by = cases(setting), set(cases("short"))
    seeds = range(NUM_SEEDS)
    outcomes = outcomes_of([case.config(seed) for case in chosen for seed in seeds], num_processes)
    # Anew each time: it takes a minute, and what signals mean may have changed.
    looked_at = {
        config.model_dump_json(): found
        for config, found in in_processes(initial_signals, [case.config() for case in chosen], num_processes)
    }
    signals = [looked_at[case.config().model_dump_json()] for case in chosen]
    cells = []
    for index, case in enumerate(chosen):
        ends = outcomes[index * NUM_SEEDS : (index + 1) * NUM_SEEDS]
        cells.append(
            Cell(
                case,
                numbers(signals[index]),
                sum(end["learned"] for end in ends),
                setting == "short" or case not in chosen_by,
                sum(end["seconds"] for end in ends) / NUM_SEEDS,
                signals[index]["seconds"],
            )
        )
    return cells


def scores(cells: list[Cell], left_out: str) -> dict[str, list[float]]:
    """What each order gives each cell, fitted to the cells of other tasks or of other networks.

    Args:
        cells: all of them.
        left_out: 'task' or 'network'.
    """
    found = {name: [-cell.numbers[number] for cell in cells] for name, number in SIMPLE.items()}
    for name, signs in FITTED.items():
        fits = {
            group: fitted([cell for cell in cells if getattr(cell.case, left_out) != group], signs)
            for group in groups(cells, left_out)
        }
        found[name] = [fits[getattr(cell.case, left_out)].log_odds(cell.numbers) for cell in cells]
    return found


def fitted(cells: list[Cell], signs: dict[str, int]) -> Logistic:
    """The logistic function of some cells."""
    return Logistic.fit(
        rows=[cell.numbers for cell in cells],
        learned=[cell.learned for cell in cells],
        trials=[NUM_SEEDS] * len(cells),
        signs=signs,
        levels=[[cell.case.task for cell in cells], [cell.case.network for cell in cells]],
    )


def groups(cells: list[Cell], kind: str) -> list[str]:
    """The tasks or the networks, each once."""
    return list(dict.fromkeys(getattr(cell.case, kind) for cell in cells))


def measured(cells: list[Cell], *strata: str) -> Measured:
    """How the cells ended that are judged, to be compared within strata.

    Cells of one map are no independent evidence: they are drawn together.
    """
    return Measured(
        learned=[cell.learned if cell.is_judged else 0 for cell in cells],
        trials=[NUM_SEEDS if cell.is_judged else 0 for cell in cells],
        strata=[tuple(getattr(cell.case, kind) for kind in strata) for cell in cells],
        clusters=[(cell.case.task, cell.case.network) for cell in cells],
    )


def judged(cells: list[Cell], left_out: str, strata: tuple[str, ...], words: str) -> tuple[LeftOut, str]:
    """How the forecast did on what it had not seen, and a table row for each order."""
    ends = measured(cells, *strata)
    found = scores(cells, left_out)
    told = areas(found, ends)
    drawn = resampled(found, ends)
    best = max(BASELINES, key=lambda name: told[name].value)
    gain = percentile_interval(drawn[FORECAST] - drawn[best])
    rows = []
    for name in (FORECAST, "signals alone", *BASELINES):
        lead = "" if name == best else interval_words(percentile_interval(drawn[name] - drawn[best]), "+.3f")
        mark = " (the best simple one)" if name == best else ""
        rows.append(
            f"| {words} | {name}{mark} | {told[name].value:.3f} "
            f"| {interval_words(told[name].interval, '.3f')} | {lead} |"
        )
    area = told[FORECAST]
    trial = LeftOut(
        words, area.value, *area.interval, baseline=best, baseline_auroc=told[best].value,
        gain_low=gain.low, gain_high=gain.high,
    )  # fmt: skip
    return trial, "\n".join(rows)


def interval_words(interval: Interval, form: str) -> str:
    """'0.81 to 0.92'."""
    return f"{interval.low:{form}} to {interval.high:{form}}"


def group_rows(cells: list[Cell], kind: str) -> list[str]:
    """How it did on each task or network that was left out."""
    found = scores(cells, kind)
    rows = []
    for group in groups(cells, kind):
        mine = [index for index, cell in enumerate(cells) if getattr(cell.case, kind) == group]
        ends = measured([cells[index] for index in mine])
        told = [
            f"{auroc([found[name][index] for index in mine], ends):.2f}"
            for name in (FORECAST, "length and depth, fitted", "shorter first")
        ]
        rows.append(f"| {group} | {sum(ends.learned)} of {sum(ends.trials)} | {' | '.join(told)} |")
    return rows


def right_side(cells: list[Cell], left_out: str, name: str) -> float:
    """Share of trainings that ended on the side of one half on which they were foretold."""
    ends = measured(cells, left_out)
    counts = zip(scores(cells, left_out)[name], ends.learned, ends.trials, strict=True)
    right = sum(learned if odds > 0 else trials - learned for odds, learned, trials in counts)
    return right / sum(ends.trials)


def report(cells: list[Cell], fit: Fit, tables: list[str]) -> str:
    """The page."""
    within_task, within_network = (measured(cells, kind) for kind in ("task", "network"))
    single = [
        f"| {name} | {auroc(values, within_task):.2f} | {auroc(values, within_network):.2f} | {weight:+.2f} |"
        for name, weight in zip(fit.logistic.names, fit.logistic.weights, strict=True)
        for values in [[(SIGNS[name] or 1) * cell.numbers[name] for cell in cells]]
    ]
    shares = [cell.signal_seconds / cell.training_seconds for cell in cells]
    learned, trials = sum(within_task.learned), sum(within_task.trials)
    commoner = max(learned, trials - learned) / trials
    sides = "; ".join(
        f"a {kind} left out: {100 * right_side(cells, kind, FORECAST):.0f} % "
        f"(length and depth alone: {100 * right_side(cells, kind, 'length and depth, fitted'):.0f} %)"
        for kind in ("task", "network")
    )
    verdict = (
        "The forecast is ahead of the best simple order wherever it was tried."
        if fit.has_earned_its_place
        else "The forecast is **not** ahead of the best simple order by more than chance allows wherever it "
        "was tried: it steers no search."
    )
    return "\n".join(
        [
            f"{len(cells)} cells, {NUM_SEEDS} seeds each, {MAX_UPDATES} updates. Judged by {trials} "
            f"trainings, {learned} of which learned. AUROC: of pairs of a training that learned and one "
            "that failed, within what was left out, the share in which the one that learned was put first. "
            "Intervals: 95 %, drawing whole maps (one task, one network) with replacement; a lead is over "
            "the best simple order, on the same resamples.",
            "",
            "| left out | order | AUROC | 95 % | lead |",
            "|---|---|---|---|---|",
            *tables,
            "",
            verdict,
            "",
            f"On the right side of P(learn) = 1/2: {sides}; always the commoner end: {100 * commoner:.0f} %.",
            "",
            "| left out | learned | forecast | length and depth, fitted | shorter first |",
            "|---|---|---|---|---|",
            *group_rows(cells, "task"),
            *group_rows(cells, "network"),
            "",
            "Each number alone (AUROC within a task, within a network) and its weight in the forecast, in "
            "log odds for one standard deviation:",
            "",
            "| number | within a task | within a network | weight |",
            "|---|---|---|---|",
            *single,
            "",
            f"Cost of a cell's signals, {NUM_INITIALIZATIONS} initializations together, in processor time of "
            f"one of its trainings: median {median(shares):.3f}, largest {max(shares):.2f}; altogether "
            f"{sum(cell.signal_seconds for cell in cells):.0f} s against "
            f"{sum(cell.training_seconds for cell in cells):.0f} s for one training of every cell.",
        ]
    )


def main(words: list[str]) -> None:
    """Measures, fits, judges, and writes what came of it."""
    setting: Setting = "full" if words[:1] == ["full"] else "short"
    assert not words or words[0] in get_args(Setting), words
    cells = measure(setting, int(words[1]) if len(words) > 1 else os.cpu_count() or 1)
    views = [
        judged(cells, "task", ("task",), "a task"),
        judged(cells, "network", ("network",), "a network"),
        judged(cells, "task", ("task", "network"), "a task, judged map by map"),
    ]
    fitted_on = (
        f"{len(cells)} cells of {len(TASKS)} tasks and {len(NETWORKS)} networks of 32 units, depths "
        f"{DEPTHS[0]} to {DEPTHS[-1]}, {MAX_UPDATES} updates of Adam"
    )
    fit = Fit(fitted(cells, SIGNS), fitted_on, tuple(trial for trial, _ in views))
    path = Path(analysis.theory.__file__).with_name(FILE)
    write_atomically(path, json.dumps(fit.to_dict(), indent=1, allow_nan=False) + "\n")
    write_results(
        "theory", "Learning, foretold from initialization", report(cells, fit, [rows for _, rows in views])
    )


if __name__ == "__main__":
    main(sys.argv[1:])
