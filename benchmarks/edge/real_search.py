"""Searches with real trainings, judged after each trial as a report would judge them at that moment."""

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.edge.replay import ENOUGH, trials_until
from failmap.analysis.load import load_run
from failmap.analysis.verdict import CellVerdict, judge
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.search.allocation.map_allocation import cells_in_order
from failmap.search.allocation.remaining import judge_cells
from failmap.search.loading import from_yaml
from failmap.search.space import Cell


@dataclass(frozen=True)
class Moment:
    """What a search knew when a trial had ended.

    Attributes:
        seconds: Since the start of the program.
        training: Core-seconds in the trainings of all trials that had ended.
        verdicts: On each cell that the budget reaches.
    """

    seconds: float
    training: float
    verdicts: Mapping[Cell, CellVerdict]

    def count(self, state: str, basis: str | None = None) -> int:
        """Return the number of cells in a state."""
        return sum(
            verdict.state == state and basis in (None, verdict.basis) for verdict in self.verdicts.values()
        )

    def share_right(self, clear: Mapping[Cell, bool]) -> float:
        """Return the share of the clear cells that are decided, and on the right side."""
        states = {True: "learns", False: "fails"}
        right = (self.verdicts[cell].state == states[learns] for cell, learns in clear.items())
        return sum(right) / len(clear)

    def num_wrong(self, clear: Mapping[Cell, bool]) -> int:
        """Return the number of clear cells that are decided on the wrong side."""
        states = {True: "fails", False: "learns"}
        return sum(self.verdicts[cell].state == states[learns] for cell, learns in clear.items())


def search(words: Sequence[str], storage: Path, name: str) -> tuple[RunFolder, float, float]:
    """Run a search; return its folder, the Unix time at which it began, and the seconds that it took."""
    began, clock = time.time(), time.monotonic()
    command = [sys.executable, "-m", "search.run", *words, f"storage={storage}", f"run={name}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return RunFolder(storage / name), began, time.monotonic() - clock


def moments(folder: RunFolder, began: float, *, infers: bool = True) -> list[Moment]:
    """Return what a search knew after each of its trials, in the order in which they ended.

    Args:
        folder: The run's.
        began: Unix time at which it began.
        infers: Whether a cell's neighbours may decide it, or its own seeds alone.
    """
    config = from_yaml(folder.config.read_text(encoding="utf-8"))
    reached = cells_in_order(config)
    trials: dict[Cell, list[TrialRecord]] = defaultdict(list)
    found, training = [], 0.0
    records = load_run(folder).records
    seconds_of = {record.number: record.summary.seconds for record in records if record.summary}
    for record in sorted(records, key=lambda record: record.ended or ""):
        if record.summary is None:
            continue
        trials[config.space.cell(record.cell)].append(record)
        # A trial that continues another one counts the seconds of both.
        training += record.summary.seconds
        training -= 0.0 if record.continues is None else seconds_of[record.continues]
        seconds = datetime.fromisoformat(record.ended or "").timestamp() - began
        verdicts = (
            judge_cells(config, reached, trials)
            if infers
            else {cell: judge(trials.get(cell, ())) for cell in reached}
        )
        found.append(Moment(seconds, training, {cell: verdicts[cell] for cell in reached}))
    return found


def first_right(found: Sequence[Moment], clear: Mapping[Cell, bool]) -> Moment | None:
    """Return the moment from which enough of the clear cells were right for good, or None."""
    num_trials = trials_until([moment.share_right(clear) for moment in found], ENOUGH)
    return None if num_trials is None else found[num_trials - 1]
