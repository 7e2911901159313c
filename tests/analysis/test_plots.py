from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib import image
from matplotlib.transforms import Bbox

from failmap.analysis.diagnosis import CAUSES
from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map, cause_label
from failmap.analysis.plots import draw_failure_map, draw_for_paper, write_failure_map, write_for_papers
from failmap.analysis.plots.paper import COLUMNS


def texts(run: Any) -> list[str]:
    figure = draw_failure_map(build_map(load_run(run.folder)))
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [
        text.get_text() for text in figure.texts
    ]


def test_cells_show_counts_and_interval(make_run: Any) -> None:
    run = make_run(lengths=("a", "b"), depths=("c", "d"))
    run.write_costs(40)
    run.trials(6, 0, "a", "c")
    run.trials(0, 6, "b", "c")
    run.trials(1, 0, "a", "d")
    run.trial("censored", "a", "d")
    run.trial("errored", "a", "d")
    assert {"6/6", "0.61 to 1.00", "0/6", "0.00 to 0.39", "1/2", "1 censored", "1 errored"} <= set(texts(run))
    assert "not run\n≈ 4 min" in texts(run)


def test_cell_names_another_recipe(make_run: Any) -> None:
    run = make_run()
    run.trials(0, 6)
    run.trials(6, 0, recipe_index=2, purpose="confirm")
    assert "recipe 2" in texts(run)


def test_title_is_wrapped(make_run: Any) -> None:
    question = "Why " + "so very long " * 20 + "and with $dollars$ and _all_ that?"
    run = make_run(question=question)
    assert " ".join(" ".join(texts(run)).split()).count(question) == 1


@pytest.mark.parametrize(("num_x", "num_y", "num_facets"), [(1, 1, 1), (6, 5, 3), (12, 8, 2)])
def test_panels_do_not_overlap(
    make_run: Any, num_x: int, num_y: int, num_facets: int, tmp_path: Path
) -> None:
    run = make_run(lengths=range(1, num_x + 1), depths=range(1, num_y + 1), facets=range(1, num_facets + 1))
    failure_map = build_map(load_run(run.folder))
    boxes = [axes.get_position() for axes in draw_failure_map(failure_map).axes]
    assert len(boxes) == num_facets
    assert all(0 < box.x0 < box.x1 < 1 and 0 < box.y0 < box.y1 < 1 for box in boxes)
    assert not any(
        one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1
        for index, one in enumerate(boxes)
        for other in boxes[:index]
    )
    path = write_failure_map(failure_map, tmp_path / "map.png")
    assert image.imread(path).shape[2] == 4


@pytest.mark.parametrize(
    ("lengths", "depths"),
    [
        (("reconstruction", "reconstruction_in_order", "a" * 40), ("constant, warmup_updates=200", "e" * 60)),
        ((1e-5, 0.000132194114846), (True, False)),
    ],
)
def test_labels_do_not_overlap(make_run: Any, lengths: Any, depths: Any) -> None:
    figure = draw_failure_map(build_map(load_run(make_run(lengths=lengths, depths=depths).folder)))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    labels = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label]
    boxes = [label.get_window_extent() for label in labels]
    assert all(box.x0 > 0 and box.y0 > 0 for box in boxes)
    assert not any(box.overlaps(other) for box in boxes for other in boxes if box is not other)


def test_facets_without_trials_are_not_drawn(make_run: Any) -> None:
    run = make_run(facets=(32, 128, 512))
    run.trials(6, 0, 5, 1, facet=32)
    figure = draw_failure_map(build_map(load_run(run.folder)))
    assert len(figure.axes) == 1
    written = " ".join(text.get_text() for text in figure.texts)
    assert "hidden size 128, hidden size 512" in written.partition("Not begun: ")[2]


def test_long_footnote_fits(make_run: Any) -> None:
    run = make_run(facets=[f"facet_{number}" for number in range(30)])
    run.trials(6, 0, 5, 1, facet="facet_0")
    figure = draw_failure_map(build_map(load_run(run.folder)))
    figure.draw_without_rendering()
    width = figure.get_window_extent().width
    assert all(text.get_window_extent().x1 < width for text in figure.texts)
    assert "hidden size facet_29" in " ".join(text.get_text() for text in figure.texts)


def test_cause_fits_into_its_cell(make_run: Any) -> None:
    run = make_run(lengths=range(6), depths=range(5))
    for length in range(3):
        run.trials(0, 6, length, 0, first_nonfinite={"tensor": "readout.bias", "update": 12})
        run.trials(1, 3, length, 1)
        run.trials(7, 1, length, 2)
    for outcome in ("censored", "errored"):
        run.trial(outcome, 1, 1, recipe_index=3, purpose="explore")
    figure = draw_failure_map(build_map(load_run(run.folder)))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    shown = [text.get_text() for text in axes.texts]
    assert (shown.count("diverged"), shown.count("cause unknown")) == (3, 3), "none where it learns"
    assert "the cause of most failures" in " ".join(text.get_text() for text in figure.texts)
    for text in axes.texts:
        column, row = (int(number) for number in text.get_position())
        cell = axes.transData.transform_bbox(Bbox([[column, row], [column + 1, row + 1]]))
        box = text.get_window_extent()
        assert cell.x0 < box.x0 < box.x1 < cell.x1
        assert cell.y0 < box.y0 < box.y1 < cell.y1


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_fits_into_a_cell(make_run: Any, cause: Any) -> None:
    run = make_run(lengths=(5,), depths=(1,))
    run.trials(0, 6)
    failure_map = build_map(load_run(run.folder))
    ((key, cell),) = failure_map.cells.items()
    assert cell.diagnosis is not None
    told = {key: replace(cell, diagnosis=replace(cell.diagnosis, cause=cause))}
    figure = draw_failure_map(replace(failure_map, cells=told))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (label,) = (text for text in axes.texts if text.get_text() == cause_label(cause))
    width = axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0]
    assert label.get_window_extent().width < 0.96 * width


@pytest.mark.parametrize("width", COLUMNS.values())
@pytest.mark.parametrize(("num_x", "num_facets"), [(1, 1), (6, 1), (6, 3), (12, 2)])
def test_figures_for_papers_keep_their_width(
    make_run: Any, width: float, num_x: int, num_facets: int
) -> None:
    run = make_run(lengths=range(1, num_x + 1), depths=range(1, 6), facets=range(1, num_facets + 1))
    for facet in range(1, num_facets + 1):
        run.trials(2, 5, 1, 1, facet)
    figure = draw_for_paper(build_map(load_run(run.folder)), width)
    figure.draw_without_rendering()
    assert figure.get_size_inches()[0] == width
    assert len(figure.axes) == num_facets
    whole = figure.get_window_extent()
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [figure.legends[0].get_window_extent()]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1 for box in boxes)
    assert not any(one.overlaps(other) for one in boxes for other in boxes if one is not other)


def test_figures_for_papers_are_the_same_bytes_again(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    run.trials(6, 0)
    failure_map = build_map(load_run(run.folder))
    first, again = (
        [path.read_bytes() for path in write_for_papers(failure_map, tmp_path / name, ("svg", "pdf"))]
        for name in ("a", "b")
    )
    assert first == again
    assert [one[:5] for one in first] == [b"<?xml"] * 2 + [b"%PDF-"] * 2
    # TrueType: a journal refuses fonts of type 3.
    assert b"/Type3" not in first[2]
