"""Replay of a search on a truth table: the study's own decisions on a clock that nobody waits for."""

import heapq
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.edge.held_out import hopeless_updates
from benchmarks.edge.methods import Method
from benchmarks.edge.truth import Training, Truth
from failmap.analysis.surface.beliefs import MapSurface
from failmap.analysis.verdict import CellVerdict, judge
from failmap.run_folder.futility import read_rule_notes
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Outcome, Summary, TrialRecord
from failmap.run_folder.storage import read_text
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.remaining import judge_cells
from failmap.search.config import Futility, RunConfig
from failmap.search.space import Cell
from failmap.search.study import Study

#: Share of the clear cells that must be right.
ENOUGH = 0.95
#: No trial is begun once so many full grids were spent.
MAX_GRIDS = 1.5


@dataclass(frozen=True)
class Replay:
    """What a replayed search spent and believed. Lists have one entry for each trial that ended, in order.

    Attributes:
        costs: Nominal core-seconds of all trials that had ended.
        right: Share of the clear cells that were decided, and on the right side.
        wrong: Number of clear cells that were decided on the wrong side.
        brier: Mean squared difference of the surface's p and the table's share over all cells, once enough
            clear cells were right for good; at the end if they never were.
        num_measured, num_inferred, num_open: Cells at the end. Those of the edge's band are open.
    """

    costs: Sequence[float]
    right: Sequence[float]
    wrong: Sequence[int]
    brier: float
    num_measured: int
    num_inferred: int
    num_open: int

    @property
    def trials_until_right(self) -> int | None:
        """Return the number of trials until enough clear cells were right, and stayed so; None if never."""
        return trials_until(self.right, ENOUGH)

    @property
    def cost_until_right(self) -> float | None:
        """Return the nominal core-seconds until then."""
        num_trials = self.trials_until_right
        return None if num_trials is None else self.costs[num_trials - 1]


def trials_until(shares: Sequence[float], enough: float) -> int | None:
    """Return after how many trials a share was reached and never lost again, or None."""
    num_before = max((num for num, share in enumerate(shares, start=1) if share < enough), default=0)
    return None if num_before == len(shares) else num_before + 1


def replay(truth: Truth, method: Method, *, seed: int, workers: int = 2) -> Replay:
    """Run a search on a table until it asks for nothing more, or has spent MAX_GRIDS full grids.

    Args:
        truth: The table.
        method: Decides which trial is next, and which verdicts count.
        seed: Of the run, and of the order of the table's seeds.
        workers: Trials at a time.
    """
    futility = Futility() if method.stops else Futility(max_wrong=0)
    config = truth.table.config.model_copy(update={"seed": seed, "futility": futility})
    hopeless = hopeless_updates(truth.table, futility.max_wrong) if method.stops else {}
    streams, clear = truth.streams(seed), truth.clear
    running: list[tuple[float, int, Cell, Training, float]] = []
    results: list[tuple[Cell, bool]] = []
    costs: list[float] = []
    right: list[float] = []
    wrong: list[int] = []
    now = spent = 0.0
    verdicts: Mapping[Cell, CellVerdict] = {}
    with tempfile.TemporaryDirectory(dir=_memory()) as path:
        folder = RunFolder(Path(path) / "runs" / "replay")
        study = Study.open(config, folder, lambda line: None, method.allocate(config))
        while True:
            while len(running) < workers and spent < MAX_GRIDS * truth.grid_cost:
                if (start := study.ask()) is None:
                    break
                cell = study.known[start.number].cell
                training, p_learn = next(streams[cell]), 0.0
                check = _record(folder, start.number).futility if method.stops else None
                at = hopeless.get((cell.values, training.seed))
                if check is not None and not check.exempt and at is not None:
                    training = training.stopped_at(at)
                    p_learn = {note.name: note.p_learn for note in read_rule_notes(folder)}[check.rule]
                heapq.heappush(running, (now + training.cost, start.number, cell, training, p_learn))
            if not running:
                break
            now, number, cell, training, p_learn = heapq.heappop(running)
            study.tell(number, _summary(training, p_learn))
            spent += training.cost
            verdicts = _verdicts(config, method, truth, study.known.by_cell)
            sides = {
                cell: verdict.state == "learns" for cell, verdict in verdicts.items() if verdict.is_decided
            }
            results.append((cell, training.has_learned))
            costs.append(spent)
            right.append(float(np.mean([sides.get(cell) is learns for cell, learns in clear.items()])))
            wrong.append(sum(sides.get(cell) is (not learns) for cell, learns in clear.items()))
        study.close()
    num_measured = sum(verdict.is_measured for verdict in verdicts.values())
    num_decided = sum(verdict.is_decided for verdict in verdicts.values())
    return Replay(
        costs,
        right,
        wrong,
        _brier(truth, results[: trials_until(right, ENOUGH)]),
        num_measured,
        num_decided - num_measured,
        len(verdicts) - num_decided,
    )


def _verdicts(
    config: RunConfig, method: Method, truth: Truth, trials: Mapping[Cell, Sequence[KnownTrial]]
) -> dict[Cell, CellVerdict]:
    if method.infers:
        return judge_cells(config, truth.share, trials)
    return {cell: judge(trials.get(cell, ())) for cell in truth.share}


def _brier(truth: Truth, results: Sequence[tuple[Cell, bool]]) -> float:
    """Return the mean squared error of the surface's p after trials that learned or did not."""
    num, num_learned = Counter(cell for cell, _ in results), Counter(cell for cell, yes in results if yes)
    space = truth.table.config.space
    counts = {cell.values: (float(num_learned[cell]), float(num[cell])) for cell in num}
    surface = MapSurface.fit(space.map_paths, [axis.labels for axis in space.map_axes], counts)
    assert surface is not None, f"{truth.table.name} has no axis of numbers"
    beliefs = surface.beliefs()
    return float(np.mean([(beliefs[cell.values].p - share) ** 2 for cell, share in truth.share.items()]))


def _summary(training: Training, p_learn: float) -> Summary:
    outcome: Outcome = "learned" if training.has_learned else "failed"
    return Summary(outcome, "replayed", updates=training.updates, score=training.score, p_learn=p_learn)


def _record(folder: RunFolder, number: int) -> TrialRecord:
    return TrialRecord.from_json(read_text(folder.trial(number).record))


def _memory() -> str | None:
    """Return a folder in memory, where there is one: a journal is flushed after each decision."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
