"""Measured and inferred cells, and the edge, in every form in which a map is shown."""

import csv
import math
from typing import Any

import pytest

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import FailureMap, build_map, counts_line
from failmap.analysis.map.verdicts import judge_map
from failmap.analysis.next_steps import next_steps
from failmap.analysis.plots import draw_failure_map
from failmap.analysis.reporting import build
from failmap.analysis.surface import MapSurface
from tests.analysis.test_report import Page

PATHS = ("task.sequence_length", "model.depth")
LENGTHS, DEPTHS = (5, 10, 20, 50, 100, 200), (1, 2, 3)


def built(run: Any) -> FailureMap:
    return build_map(load_run(run.folder))


def rows_of(run: Any, name: str) -> list[dict[str, str]]:
    with (run.folder.report / name).open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def sparse(make_run: Any) -> Any:
    """A map of which the ends are measured, the middle is mixed, and the rest has one trial or none."""
    run = make_run(lengths=LENGTHS, depths=DEPTHS)
    for depth in DEPTHS:
        run.trials(1, 0, 5, depth)
        run.trials(6, 0, 20, depth)
        run.trials(2, 3, 50, depth)
        run.trials(0, 6, 100, depth)
    return run


def test_cells_csv_has_the_verdicts_of_the_whole_map(sparse: Any) -> None:
    build(sparse.folder)
    trials: dict[Any, list[Any]] = {}
    for record in load_run(sparse.folder).records:
        trials.setdefault(tuple(record.cell.values()), []).append(record)
    judged = judge_map(PATHS, (LENGTHS, DEPTHS), trials)
    states = set()
    for row in rows_of(sparse, "cells.csv"):
        verdict = judged[int(row[PATHS[0]]), int(row[PATHS[1]])]
        assert (row["state"], row["basis"]) == (verdict.state, verdict.basis)
        assert verdict.belief is not None
        shown = [float(row[name]) for name in ("p", "p_low", "p_high")]
        assert shown == [verdict.belief.p, verdict.belief.low, verdict.belief.high]
        assert bool(row["nearest"]) == (verdict.is_inferred or verdict.state == "edge")
        states.add((row["state"], row["basis"]))
    assert {("learns", "measured"), ("learns", "inferred"), ("edge", "measured")} <= states


def test_nearest_evidence_is_near_in_doublings_and_layers(sparse: Any) -> None:
    cells = built(sparse).cells
    assert cells["10", "2"].verdict.is_inferred
    assert set(cells["10", "2"].nearest) == {("5", "2"), ("20", "2")}
    assert cells["200", "1"].nearest == (("100", "1"),)
    assert cells["20", "1"].nearest == (), "it is measured"


def test_edge_csv_has_the_edges_of_the_surface(sparse: Any) -> None:
    build(sparse.folder)
    counts = {
        (length, depth): tally
        for depth in DEPTHS
        for length, tally in {5: (1, 1), 20: (6, 6), 50: (2, 5), 100: (0, 6)}.items()
    }
    surface = MapSurface.fit(PATHS, (LENGTHS, DEPTHS), counts)
    assert surface is not None
    rows = rows_of(sparse, "edge.csv")
    assert [int(row["model.depth"]) for row in rows] == list(DEPTHS)
    for row, edge in zip(rows, surface.edges().values(), strict=True):
        assert row["along"] == "task.sequence_length"
        assert [float(row[name]) for name in ("learns_up_to", "low", "high")] == [
            edge.middle, edge.low, edge.high,
        ]  # fmt: skip
        assert row["learns_up_to_lies"] == "inside"
        assert 20 < edge.low < edge.middle < edge.high < 100


def test_only_inferred_cells_are_striped(sparse: Any) -> None:
    failure_map = built(sparse)
    num_inferred = sum(cell.verdict.is_inferred for cell in failure_map.cells.values())
    assert num_inferred >= 6
    (axes,) = draw_failure_map(failure_map).axes
    hatches = [patch.get_hatch() for patch in axes.patches if patch.get_hatch()]
    assert len(set(hatches)) == 1
    assert len(hatches) == num_inferred
    page = Page(build(sparse.folder).page.read_text())
    buttons = [one for one in page.all("button") if "cell" in (one.get("class") or "").split()]
    striped = {int(one["data-cell"] or 0) for one in buttons if "inferred" in (one["class"] or "").split()}
    cells = enumerate(failure_map.cells.values())
    assert striped == {index for index, cell in cells if cell.verdict.is_inferred}
    labels = {int(one["data-cell"] or 0): one["title"] or "" for one in buttons}
    assert all(("inferred: " in label) == (index in striped) for index, label in labels.items())


def test_edge_is_a_line_in_every_row(sparse: Any) -> None:
    failure_map = built(sparse)
    assert failure_map.edge is not None
    (axes,) = draw_failure_map(failure_map).axes
    (line,) = axes.lines
    places = [failure_map.edge.place(edge.middle) for edge in failure_map.edge.rows.values()]
    assert list(line.get_xdata()) == [place for place in places for _ in range(2)]
    assert all(2.5 < place < 4.5 for place in places), "between the columns of 20 and of 100"
    classes = [
        (one.get("class") or "").split() for one in Page(build(sparse.folder).page.read_text()).all("i")
    ]
    assert sum("edge-line" in one for one in classes) == 3
    assert sum("edge-band" in one for one in classes) >= 3


def test_values_are_placed_by_their_ratio(sparse: Any) -> None:
    edge = built(sparse).edge
    assert edge is not None
    assert edge.place(10) == pytest.approx(1.5)
    assert edge.place(math.sqrt(10 * 20)) == pytest.approx(2.0)
    assert (edge.place(-math.inf), edge.place(math.inf)) == (0.0, 6.0)


def test_cells_are_counted_apart(sparse: Any) -> None:
    failure_map = built(sparse)
    states, inferred = failure_map.states, failure_map.inferred
    told = counts_line(failure_map)
    assert sum(states.values()) == 18
    assert f"{states['learns']} learn (3 measured, {inferred['learns']} inferred)" in told
    assert f"{states['edge']} at the edge" in told


@pytest.mark.parametrize(
    ("learned", "failed", "lies", "extended"),
    [(6, 0, "beyond", "20,50,100"), (0, 6, "below", "10,20,50")],
)
def test_edge_outside_the_map_proposes_to_extend_it(
    make_run: Any, learned: int, failed: int, lies: str, extended: str
) -> None:
    run = make_run(lengths=(20, 50), depths=(1, 2))
    for length in (20, 50):
        for depth in (1, 2):
            run.trials(learned, failed, length, depth)
    report = build(run.folder)
    assert {row["learns_up_to_lies"] for row in rows_of(run, "edge.csv")} == {lies}
    assert {row["learns_up_to"] for row in rows_of(run, "edge.csv")} == {""}
    commands = [command for _, command in next_steps(report.run, report.failure_map)]
    assert any(command.endswith(f"task.sequence_length={extended}") for command in commands)


def test_row_that_learns_beyond_what_fails_has_no_single_edge(make_run: Any) -> None:
    run = make_run(lengths=(5, 10, 20, 50), depths=(1, 2))
    for length, learns in ((5, False), (10, True), (20, True), (50, True)):
        run.trials(6 * learns, 6 * (not learns), length, 1)
    build(run.folder)
    rows = {row["model.depth"]: row for row in rows_of(run, "edge.csv")}
    assert rows["1"]["learns_up_to_lies"] == ""
    edge = built(run).edge
    assert edge is not None
    assert edge.outside is None


def test_edge_runs_along_lengths_wherever_they_are(make_run: Any) -> None:
    run = make_run(lengths=("adam", "sgd"), depths=(1, 2, 3, 4))
    run.trials(6, 0, "adam", 1)
    run.trials(0, 6, "adam", 4)
    report = build(run.folder)
    (row, other) = rows_of(run, "edge.csv")
    assert (row["task.sequence_length"], row["along"]) == ("adam", "model.depth")
    assert 1 < float(row["learns_up_to"]) < 4
    assert other["task.sequence_length"] == "sgd"
    assert draw_failure_map(report.failure_map).axes[0].lines


def test_map_of_names_has_no_edge(make_run: Any) -> None:
    run = make_run(lengths=("adam", "sgd"), depths=("lstm", "gru"))
    run.trials(6, 0, "adam", "lstm")
    failure_map = build(run.folder).failure_map
    assert failure_map.edge is None
    assert not (run.folder.report / "edge.csv").exists()
    assert {row["p"] for row in rows_of(run, "cells.csv")} == {""}
    assert set(failure_map.inferred.values()) == {0}


def test_facet_without_a_trial_has_neither_inferred_cells_nor_an_edge(make_run: Any) -> None:
    run = make_run(lengths=(5, 20, 100), facets=(32, 128))
    run.trials(6, 0, 5, 1, 32)
    run.trials(0, 6, 100, 1, 32)
    build(run.folder)
    assert {row["model.hidden_size"] for row in rows_of(run, "edge.csv")} == {"32"}
    other = [row for row in rows_of(run, "cells.csv") if row["model.hidden_size"] == "128"]
    assert {row["state"] for row in other} == {"not_run"}
