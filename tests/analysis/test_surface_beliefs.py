"""What a surface says about the cells and rows of a map."""

import numpy as np
import pytest

from failmap.analysis.surface import CellBelief, MapSurface

PATHS = ("task.sequence_length", "model.depth", "model.name")
VALUES = ((5, 10, 20, 50, 100), (1, 2, 3), ("lstm", "rnn"))


@pytest.fixture(scope="module")
def surface() -> MapSurface:
    """Every cell of the LSTM up to 20 learns in all of 4 trials; the RNN has no trials."""
    counts = {
        (length, depth, "lstm"): (4.0 * (length <= 20), 4.0) for length in VALUES[0] for depth in VALUES[1]
    }
    fitted = MapSurface.fit(PATHS, VALUES, counts)
    assert fitted is not None
    return fitted


def test_every_cell_has_a_belief_and_its_own_side(surface: MapSurface) -> None:
    beliefs = surface.beliefs()
    assert len(beliefs) == 30
    assert beliefs[5, 1, "lstm"].side == "learns"
    assert beliefs[100, 3, "lstm"].side == "fails"


def test_categories_say_nothing_of_each_other(surface: MapSurface) -> None:
    assert {belief.side for cell, belief in surface.beliefs().items() if cell[2] == "rnn"} == {None}


def test_every_row_has_an_edge(surface: MapSurface) -> None:
    edges = surface.edges()
    assert set(edges) == {(depth, name) for depth in VALUES[1] for name in VALUES[2]}
    assert 20 <= edges[2, "lstm"].low <= edges[2, "lstm"].middle <= edges[2, "lstm"].high <= 50
    assert edges[2, "rnn"].low == -np.inf
    assert edges[2, "rnn"].high == np.inf


def test_columns_have_edges_too(surface: MapSurface) -> None:
    assert surface.edges(along=1)[5, "lstm"].middle == np.inf


def test_a_category_may_come_first() -> None:
    counts = {("lstm", 5): (3.0, 3.0), ("lstm", 100): (0.0, 3.0)}
    surface = MapSurface.fit(("model.name", "task.sequence_length"), (("lstm", "gru"), (5, 20, 100)), counts)
    assert surface is not None
    assert surface.beliefs()["lstm", 5].p > 0.8 > surface.beliefs()["gru", 5].p
    assert set(surface.edges(along=1)) == {("lstm",), ("gru",)}


def test_a_map_of_categories_has_no_surface() -> None:
    assert MapSurface.fit(("model.name",), (("lstm", "rnn"),), {}) is None


@pytest.mark.parametrize(
    ("prob_above", "side"), [(0.975, "learns"), (0.974, None), (0.026, None), (0.025, "fails")]
)
def test_a_side_is_sure_from_975_per_mille(prob_above: float, side: str | None) -> None:
    assert CellBelief(0.5, 0.0, 1.0, prob_above).side == side


def test_widths_are_a_third_axis() -> None:
    values = ((5, 20, 100), (1, 2), (8, 32, 128))
    counts = {(length, 1, 32): (3.0 * (length < 50), 3.0) for length in values[0]}
    surface = MapSurface.fit(("task.sequence_length", "model.depth", "model.hidden_size"), values, counts)
    assert surface is not None
    beliefs = surface.beliefs()
    assert beliefs[5, 2, 128].p > 0.7 > 0.3 > beliefs[100, 2, 128].p
    assert len(surface.edges()) == 6
