"""What a search knew over time, and the pages that are written about it."""

from pathlib import Path

import pytest

from benchmarks.default_job import rows_of
from benchmarks.edge.ray_tune import Outcome, as_body, num_wrong
from benchmarks.edge.real_search import Moment, first_right, moments
from failmap.analysis.verdict import judge
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary
from failmap.search.loading import to_yaml
from failmap.search.loading.request import load
from failmap.search.space import Cell
from failmap.search.study import Study
from tests.benchmarks.edge.conftest import MakeTruth

_SECONDS = 2.0


@pytest.fixture
def searched(tmp_path: Path) -> RunFolder:
    """A search of three lengths, six seeds each, of which all learn at the shortest and none beyond."""
    config = load(
        [
            "space=lstm_depth",
            "task.sequence_length=5,20,80",
            "model.depth=1",
            "model.hidden_size=32",
            "budget.recipes=1",
            "goal=grid",
            "run=searched",
        ]
    )
    folder = RunFolder(tmp_path / "searched")
    study = Study.open(config, folder, lambda line: None)
    while (start := study.ask()) is not None:
        cell = study.known[start.number].cell
        outcome = "learned" if cell.values[0] == 5 else "failed"
        study.tell(start.number, Summary(outcome, "as planned", updates=100, score=0.5, seconds=_SECONDS))
    study.close()
    folder.config.write_text(to_yaml(config), encoding="utf-8")
    return folder


def test_moments_follow_the_trials(searched: RunFolder) -> None:
    """One after each trial, in the order of their ends; the map gets more decided, at the cost so far."""
    found = moments(searched, began=0.0, infers=False)
    assert [moment.training for moment in found] == [_SECONDS * num for num in range(1, 19)]
    assert [moment.count("learns", "measured") for moment in found] == [0] * 5 + [1] * 13
    assert found[-1].count("fails") == 2
    assert sorted(moment.seconds for moment in found) == [moment.seconds for moment in found]


def test_neighbours_decide_only_if_asked(searched: RunFolder) -> None:
    """Own seeds alone infer nothing; the surface does before the last cell has its seeds."""
    alone, together = (moments(searched, began=0.0, infers=infers) for infers in (False, True))
    assert not any(moment.count(side, "inferred") for moment in alone for side in ("learns", "fails"))
    assert any(moment.count("fails", "inferred") for moment in together)


def test_clear_cells_are_compared_with_the_truth(searched: RunFolder) -> None:
    """Right and wrong ones are counted, and the first moment is found from which enough are right."""
    found = moments(searched, began=0.0, infers=False)
    truth = {cell: cell.values[0] == 5 for cell in found[0].verdicts}
    assert found[-1].share_right(truth) == 1
    assert found[-1].num_wrong(truth) == 0
    assert first_right(found, truth) is found[-1]
    opposite = {cell: not learns for cell, learns in truth.items()}
    assert found[-1].num_wrong(opposite) == 3
    assert first_right(found, opposite) is None


def test_default_job_has_a_row_for_each_minute_and_its_end() -> None:
    """A row shows what was known by its minute; the last one shows all."""
    cells = [Cell((("length", length),)) for length in (5, 20)]
    empty = judge(())
    known = [Moment(seconds, seconds, dict.fromkeys(cells, empty)) for seconds in (50.0, 70.0, 130.0)]
    rows = rows_of(known, {}, minutes=2.0)
    assert [row[:3] for row in rows] == [["1", 1, "50"], ["2", 3, "130"]]
    assert {row[-1] for row in rows} == {"-"}
    rows = rows_of(known, dict.fromkeys(cells, True), minutes=2.0)
    assert [row[-2:] for row in rows] == [["0 of 2", 0]] * 2


def test_ray_tunes_cells_go_by_most_of_their_trials(make_truth: MakeTruth) -> None:
    """Half is no majority; cells that are not clear do not count."""
    truth = make_truth(lambda length, depth, seed: 50 if length == 5 or (length == 20 and seed < 4) else None)
    right = {cell: [cell.values[0] == 5] * 3 for cell in truth.share}
    assert num_wrong(right, truth) == 0
    cell = next(iter(truth.clear))
    assert num_wrong(right | {cell: [True, False]}, truth) == 1


def test_ratios_are_of_medians(make_truth: MakeTruth) -> None:
    """A search that never got there has no finite time."""
    truth = make_truth(lambda length, depth, seed: 50 if length == 5 else None)
    times = {"failmap, goal=map": (10.0, 20.0, 30.0), "grid": (60.0, 30.0, 40.0)}
    body = as_body(
        {way: [Outcome(one, 1.0, 7, 0, 0) for one in several] for way, several in times.items()}
        | {"ASHA": [None]},
        truth,
    )
    last = [line.strip("| ").split(" | ")[-1] for line in body.splitlines() if line.startswith("| ")][2:]
    assert last == ["1.0"] * 3 + ["2.0"] * 3 + ["inf"]
