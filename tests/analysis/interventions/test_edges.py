from collections.abc import Callable
from typing import Any

from failmap.analysis.interventions.comparisons import rescue_comparisons
from failmap.analysis.interventions.edges import Edge, moved_edges
from failmap.analysis.load import Run, load_run

MakeRun = Callable[..., Any]
TryOut = Callable[..., None]

NORM: dict[str, Any] = {"name": "layer_norm", "changes": {"model.layer_norm": True}}


def edges_of(run: Any) -> list[Edge]:
    loaded = load_run(run.folder)
    return moved_edges(loaded, rescue_comparisons(loaded))


def summary(edges: list[Edge]) -> list[tuple[str, str | None, str, str]]:
    return [(edge.path, edge.before, edge.after, edge.at) for edge in edges]


def test_sentence_has_labels_and_counts(rescued_run: Run) -> None:
    along_length, *_ = moved_edges(rescued_run, rescue_comparisons(rescued_run))
    for part in ("layer norm: at depth 2", "length 20 instead of 5", "5 of 5", "0 of 5", "p=0.0625"):
        assert part in along_length.sentence


def test_edge_moves_to_the_last_cell_before_a_gap(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run(lengths=[5, 10, 20, 50], depths=[1])
    try_out(run, "LLLLLL", 5)
    for length in (10, 20, 50):
        try_out(run, "FFFF", length)
    for length in (10, 50):
        try_out(run, "LLLL", length, **NORM)
    assert summary(edges_of(run)) == [("task.sequence_length", "5", "10", "10")]


def test_cells_that_learn_without_fix_extend_the_edge(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run(lengths=[5, 10, 20], depths=["shallow", "deep"])
    try_out(run, "LLLLLL", 5, "deep")
    try_out(run, "FFFF", 10, "deep")
    try_out(run, "LLLL", 10, "deep", **NORM)
    try_out(run, "LLLLLL", 20, "deep")
    assert summary(edges_of(run)) == [("task.sequence_length", "5", "20", "10")]


def test_row_that_learned_nowhere(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run(lengths=[5, 10], depths=["shallow", "deep"])
    try_out(run, "FFFF", 5, "deep")
    try_out(run, "LLLL", 5, "deep", **NORM)
    (edge,) = edges_of(run)
    assert "at depth deep it learns up to sequence length 5 instead of nowhere" in edge.sentence


def test_edge_along_y_is_named_by_x(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run(lengths=["short", "long"], depths=[1, 3, 5])
    try_out(run, "LLLLLL", "short", 1)
    for depth in (3, 5):
        try_out(run, "FFFF", "short", depth)
        try_out(run, "LLLL", "short", depth, **NORM)
    (edge,) = edges_of(run)
    assert "at sequence length short it learns up to depth 5 instead of 1" in edge.sentence


def test_facets_have_separate_edges(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run(lengths=[5, 10], depths=["deep"], facets=[32, 64])
    for facet in (32, 64):
        try_out(run, "LLLLLL", 5, "deep", facet=facet)
        try_out(run, "FFFF", 10, "deep", facet=facet)
    try_out(run, "LLLL", 10, "deep", facet=64, **NORM)
    (edge,) = edges_of(run)
    assert edge.row == {"model.depth": "deep", "model.hidden_size": "64"}


def test_controls_and_open_fixes_move_no_edge(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FFFF")
    try_out(run, "LLLF", **NORM)
    try_out(run, "LLLL", name="every_step_labels", changes={"task.supervision": "every_step"})
    assert edges_of(run) == []
