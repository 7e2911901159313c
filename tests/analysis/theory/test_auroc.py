"""The area under the curve is a count of pairs."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.analysis.theory.auroc import Measured, areas, auroc, resampled

#: A cell: its score, how many of three trainings learned, and its stratum.
CELLS = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(0, 3), st.sampled_from("ab")), min_size=1, max_size=12
)


def counted(cells: list[tuple[int, int, str]]) -> float | None:
    """Pair by pair: each training that learned against each of its stratum that failed."""
    wins = pairs = 0.0
    for (score, learned, stratum), (other, other_learned, other_stratum) in product(cells, cells):
        if stratum == other_stratum:
            count = learned * (3 - other_learned)
            pairs += count
            wins += count * (1.0 if score > other else 0.5 if score == other else 0.0)
    return wins / pairs if pairs else None


@given(CELLS)
def test_area_is_the_share_of_pairs_in_order(cells: list[tuple[int, int, str]]) -> None:
    scores, learned, strata = zip(*cells, strict=True)
    area = auroc(scores, Measured(learned, [3] * len(cells), strata=strata))
    expected = counted(cells)
    assert area == pytest.approx(expected) if expected is not None else area != area


def test_perfect_reversed_and_blind_orders() -> None:
    ends = Measured(learned=[2, 2, 0, 0], trials=[2] * 4)
    assert auroc([4, 3, 2, 1], ends) == 1
    assert auroc([1, 2, 3, 4], ends) == 0
    assert auroc([7, 7, 7, 7], ends) == 0.5


def test_a_cell_without_trials_counts_for_nothing() -> None:
    assert auroc([3, 1, 2], Measured([2, 0, 0], [2, 0, 2])) == 1


def test_interval_holds_the_area_and_is_the_same_each_time() -> None:
    scores = {"good": [5.0, 4, 3, 2, 1, 0], "blind": [0.0] * 6}
    ends = Measured([2, 2, 0, 2, 0, 0], [2] * 6)
    told = areas(scores, ends)
    low, high = told["good"].interval
    assert low <= told["good"].value <= high
    assert low < high
    assert told["blind"].interval == (0.5, 0.5)
    assert told == areas(scores, ends)


def test_cells_of_one_cluster_are_drawn_together() -> None:
    # One cluster has all that learned, the other all that failed: a resample has both, or nothing to compare.
    ends = Measured([1, 1, 0, 0], [1] * 4, clusters=["one", "one", "other", "other"])
    drawn = resampled({"score": [2.0, 2.0, 1.0, 1.0]}, ends)["score"]
    assert {1.0} == set(drawn[drawn == drawn])
    assert (drawn != drawn).any()
