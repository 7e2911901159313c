"""Ways in which trials of other recipes enter the surface of the default one."""

import numpy as np
import pytest

from benchmarks.edge.recipes import WAYS, Trials, drawn, score
from failmap.analysis.surface import Beliefs, SurfaceAxis

_AXES = [SurfaceAxis(is_log=True, may_fall=True)]
_POINTS = np.array([[5.0], [10.0], [20.0], [40.0]])


def trials(learned: list[list[int]], number: list[list[int]]) -> Trials:
    """Return counts; a row for each recipe."""
    return Trials(np.array(learned, float).T, np.array(number, float).T)


def test_other_recipes_move_the_default_as_each_way_says() -> None:
    """All trials of the other one failed: apart ignores that, a shift heeds it less than pooling does."""
    counts = trials([[3, 0, 0, 0], [0, 0, 0, 0]], [[3, 0, 0, 0], [0, 4, 4, 4]])
    p = {name: believe(_POINTS, counts, _AXES).p[1] for name, believe in WAYS.items()}
    assert p["pooled"] < p["a shift"] < p["apart"]


def test_without_other_trials_pooling_changes_nothing() -> None:
    """The default's trials are all there are."""
    counts = trials([[3, 2, 0, 0], [0] * 4], [[3, 3, 3, 0], [0] * 4])
    assert WAYS["pooled"](_POINTS, counts, _AXES).p == pytest.approx(WAYS["apart"](_POINTS, counts, _AXES).p)


def test_draws_take_trials_of_each_recipe() -> None:
    """The default has one trial in a part of the cells, each other recipe several in half of them."""
    cells = [(length,) for length in (5, 10, 20, 40)]
    by_recipe = [dict.fromkeys(cells, [True] * 8), dict.fromkeys(cells, [False] * 8)]
    found = drawn(by_recipe, cells, 0.25, 3, np.random.default_rng(0))
    assert sorted(found.number[:, 0]) == [0, 0, 0, 1]
    assert sorted(found.number[:, 1]) == [0, 0, 3, 3]
    assert found.learned[:, 0].sum() == 1
    assert found.learned[:, 1].sum() == 0


def test_score_counts_what_is_sure_and_what_is_wrong() -> None:
    """One of two clear cells is sure, on the wrong side; the one in between counts for the loss only."""
    share = np.array([1.0, 0.0, 0.5])
    p, prob_above = np.array([0.01, 0.5, 0.5]), np.array([0.01, 0.5, 0.99])
    loss, sure, wrong = score(Beliefs(p, p, p, prob_above), share)
    assert loss == pytest.approx(-(np.log(0.01) + 2 * np.log(0.5)) / 3)
    assert (sure, wrong) == (0.5, 0.5)
