"""What the default job shows over time: python -m benchmarks.default_job [minutes=5] [ways=map,whole,grid].

Runs space=lstm_depth with the default budget except for its minutes, once for each way and pair, in turn.
Each cell is judged by the records of the trials that had ended.
"""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.arguments import parse_arguments
from benchmarks.edge.real_search import Moment, first_right, moments, search
from benchmarks.edge.tables import Table
from benchmarks.edge.truth import Truth
from benchmarks.results_file import table, write_results
from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.search.space import Cell

#: Arguments of each way. `whole` stops no hopeless trial; nor does `grid`, which is judged by the own seeds
#: of each cell alone, as before there was a surface.
WAYS = {
    "map": ["goal=map"],
    "whole": ["goal=map", "futility.max_wrong=0"],
    "grid": ["goal=grid", "futility.max_wrong=0"],
}
#: Minutes at which the map is looked at.
MOMENTS = (1, 2, 3, 4, 5, 10, 15, 20, 30, 45, 60)
_COLUMNS = (
    "way",
    "pair",
    "after, min",
    "trials",
    "core-seconds",
    "measured",
    "inferred",
    "edge",
    "unknown",
    "not run",
    "clear cells right and sure",
    "clear cells wrong",
)


def main() -> int:
    """Run the jobs and write the results file."""
    asked = parse_arguments(minutes=5.0, ways="map", pairs=1)
    truth = Table("adding")
    clear = {} if truth.num_missing else Truth(truth).clear
    rows: list[list[object]] = []
    until: dict[str, list[float | None]] = {way: [] for way in asked.ways.split(",")}
    used, stopped = [], []
    with tempfile.TemporaryDirectory() as storage:
        for pair in range(1, asked.pairs + 1):
            for way in until:
                words = ["space=lstm_depth", "budget=quick", f"budget.minutes={asked.minutes:g}", *WAYS[way]]
                folder, began, wall = search(words, Path(storage), f"{way}{pair}")
                found = moments(folder, began, infers=way != "grid")
                if (futility := build_map(load_run(folder)).futility) is not None:
                    stopped.append(f"{way}, pair {pair}: {futility.words}.")
                rows += [[way, pair, *row] for row in rows_of(found, clear, asked.minutes)]
                right = first_right(found, clear) if clear else None
                until[way].append(None if right is None else right.training)
                used.append(found[-1].training / ((os.cpu_count() or 1) * wall))
    shares = ", ".join(f"{share:.2f}" for share in used)
    parts = [
        f"Seconds in training / (cores x wall seconds), start-up and report included: {shares}.",
        table(_COLUMNS, rows),
        *stopped,
    ]
    if clear:
        parts.append(_until_words(until, len(clear)))
    write_results("default_job", "The default job", "\n\n".join(parts))
    return 0


def rows_of(found: Sequence[Moment], clear: Mapping[Cell, bool], minutes: float) -> list[list[object]]:
    """Return a row for each moment: what the map shows then, and how much of it the truth table confirms."""
    rows: list[list[object]] = []
    for minute in sorted({*(one for one in MOMENTS if one < minutes), minutes}):
        # Trials that were saved at the end of the budget ended a moment later.
        is_last = minute == minutes
        past = [moment for moment in found if is_last or moment.seconds <= 60 * minute]
        if not past:
            continue
        now = past[-1]
        sides = ("learns", "fails")
        counts = [sum(now.count(side, basis) for side in sides) for basis in ("measured", "inferred")]
        rest = [now.count(state) for state in ("edge", "unknown", "not_run")]
        right = f"{now.share_right(clear) * len(clear):.0f} of {len(clear)}" if clear else "-"
        wrong = now.num_wrong(clear) if clear else "-"
        rows.append([f"{minute:g}", len(past), f"{now.training:.0f}", *counts, *rest, right, wrong])
    return rows


def _until_words(until: Mapping[str, Sequence[float | None]], num_clear: int) -> str:
    """Return how many core-seconds of training each way took until the clear cells were right."""
    lines = [
        f"- {way}: " + ", ".join("not in this time" if one is None else f"{one:.0f}" for one in several)
        for way, several in until.items()
    ]
    return f"Core-seconds of training until 95 % of the {num_clear} clear cells were right for good:\n\n" + (
        "\n".join(lines)
    )


if __name__ == "__main__":
    sys.exit(main())
