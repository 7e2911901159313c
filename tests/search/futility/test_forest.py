"""Forests as arrays beside those of scikit-learn."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from failmap.search.futility.forest import Forest, grow


def data(num_curves: int = 60, per_curve: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of curves, of which those with a large first feature mostly learn."""
    random = np.random.default_rng(0)
    curve = np.repeat(np.arange(num_curves), per_curve)
    rows = random.standard_normal((len(curve), 5)) + 2 * random.standard_normal((num_curves, 5))[curve]
    first = np.bincount(curve, rows[:, 0]) / per_curve
    return rows, first[curve] + 0.3 * random.standard_normal(num_curves)[curve] > 0, curve


@pytest.fixture(scope="module")
def forest() -> Forest:
    """A forest on those rows."""
    rows, has_learned, curve = data()
    return grow(rows, has_learned, curve, np.arange(60), np.ones(60))[0]


def test_trees_say_what_those_of_scikit_learn_say(forest: Forest) -> None:
    """The first tree, grown again by hand on its bootstrap sample of curves."""
    rows, has_learned, curve = data()
    drawn = np.bincount(np.random.default_rng(0).integers(60, size=60), minlength=60)[curve]
    tree = DecisionTreeClassifier(min_samples_leaf=10, max_features=0.4, random_state=0)
    values = rows.astype(np.float32)
    tree.fit(values[drawn > 0], has_learned[drawn > 0], sample_weight=(drawn / 7)[drawn > 0])
    new = np.random.default_rng(1).standard_normal((200, 5))
    expected = tree.predict_proba(new.astype(np.float32))[:, 1]
    np.testing.assert_allclose(forest.by_tree(new)[:, 0], expected, atol=1e-7)


def test_out_of_bag_is_no_better_than_new_curves() -> None:
    """Curves whose labels are random cannot be told apart, although the forest memorises them."""
    rows, _, curve = data()
    labels = (np.random.default_rng(2).random(60) < 0.5)[curve]
    grown, out_of_bag = grow(rows, labels, curve, np.arange(60), np.ones(60))
    seen, unseen = (np.mean((said > 0.5) == labels) for said in (grown.predict(rows), out_of_bag))
    assert seen > 0.8
    assert unseen < 0.65


def test_curves_of_a_cell_are_out_of_the_bag_together() -> None:
    """Where all curves of a cell are the same, none of them tells how the others end."""
    random = np.random.default_rng(3)
    cell = np.repeat(np.arange(40), 4)
    rows, labels = random.standard_normal((40, 5))[cell], (random.random(40) < 0.5)[cell]
    index = np.arange(len(cell))
    together = grow(rows, labels, index, cell, np.ones(len(cell)))[1]
    apart = grow(rows, labels, index, index, np.ones(len(cell)))[1]
    assert np.mean((together > 0.5) == labels) < 0.7
    assert np.mean((apart > 0.5) == labels) > 0.9
