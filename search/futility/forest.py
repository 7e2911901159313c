"""A random forest over the evaluations of curves, whose trees each see a bootstrap sample of the cells.

Whole cells are drawn: the evaluations of a curve are all but copies of each other, and the curves of a cell
are alike. What is said of a curve by the trees that saw none of its cell (out of bag; Breiman 2001) is as
honest as what is said of a cell that nobody has tried.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int16, Int32, Int64

_NUM_TREES = 300
#: Evaluations in a leaf, and share of the features that a split chooses from.
_LEAST_IN_LEAF, _FEATURES = 10, 0.4


@dataclass(frozen=True)
class Forest:
    """Trees as arrays, so that a worker needs neither the library that grew them nor much memory.

    Attributes:
        feature: Feature that a node splits by; -1 in a leaf.
        threshold: Rows with at most this value go left.
        left, right: Indices of a node's children.
        probability: Share of the training's evaluations in a node whose curve learned.
        roots: Index of each tree's root.
    """

    feature: Int16[np.ndarray, " nodes"]
    threshold: Float[np.ndarray, " nodes"]
    left: Int32[np.ndarray, " nodes"]
    right: Int32[np.ndarray, " nodes"]
    probability: Float32[np.ndarray, " nodes"]
    roots: Int32[np.ndarray, " trees"]

    def predict(self, rows: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, " rows"]:
        """Return the probability that the curve of each row learns: the mean over all trees."""
        mean: Float[np.ndarray, " rows"] = self.by_tree(rows).mean(axis=1)
        return mean

    def by_tree(self, rows: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, "rows trees"]:
        """Return what each tree says of each row."""
        # As scikit-learn does, whose thresholds lie between such values.
        values = rows.astype(np.float32)
        node = np.broadcast_to(self.roots, (len(values), len(self.roots)))
        index = np.arange(len(values))[:, None]
        while (inside := self.feature[node] >= 0).any():
            goes_left = values[index, self.feature[node]] <= self.threshold[node]
            node = np.where(inside, np.where(goes_left, self.left[node], self.right[node]), node)
        said: Float[np.ndarray, "rows trees"] = self.probability[node].astype(float)
        return said

    def require_sound(self, num_features: int) -> None:
        """Raise ValueError if the arrays, read from a file, are no trees over so many features."""
        index = np.arange(len(self.feature))
        inside = self.feature >= 0
        children = np.stack([self.left, self.right])[:, inside]
        is_sound = (
            len({len(one) for name, one in vars(self).items() if name != "roots"}) == 1
            and all(one.ndim == 1 for one in vars(self).values())
            and len(self.roots) > 0
            and self.feature.max() < num_features
            # A child comes after its parent, so that every way down ends.
            and (children > index[inside]).all()
            and (children < len(index)).all()
            and (self.roots >= 0).all()
            and (self.roots < len(index)).all()
            and np.isfinite(self.probability).all()
        )
        if not is_sound:
            raise ValueError("not a forest")

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return all arrays by name, from which the forest can be made again."""
        return dict(vars(self))


def grow(
    rows: Float[np.ndarray, "rows features"],
    has_learned: Bool[np.ndarray, " rows"],
    curve: Int64[np.ndarray, " rows"],
    cell: Int64[np.ndarray, " curves"],
    weight: Float[np.ndarray, " curves"],
) -> tuple[Forest, Float[np.ndarray, " rows"]]:
    """Grow a forest, and predict each row out of bag.

    Args:
        rows: Features of each evaluation.
        has_learned: Whether its curve learned later on.
        curve: Index of its curve.
        cell: Index of the cell of each curve.
        weight: For how many curves each one stands.

    Returns:
        The forest, and for each row the mean over the trees that saw no curve of its cell.
    """
    from sklearn.tree import DecisionTreeClassifier

    values, num_cells = rows.astype(np.float32), 1 + cell.max()
    # A long curve counts no more than a short one.
    num_rows = np.bincount(curve, minlength=len(cell))
    trees, said, num_said = [], np.zeros(len(rows)), np.zeros(len(rows))
    for number in range(_NUM_TREES):
        random = np.random.default_rng(number)
        drawn = np.bincount(random.integers(num_cells, size=num_cells), minlength=num_cells)[cell]
        times = (drawn * weight / num_rows)[curve]
        seen = drawn[curve] > 0
        tree = DecisionTreeClassifier(
            min_samples_leaf=_LEAST_IN_LEAF, max_features=_FEATURES, random_state=number
        )
        tree.fit(values[seen], has_learned[seen], sample_weight=times[seen])
        one = _as_arrays(tree.tree_, tree.classes_)
        trees.append(one)
        said[~seen] += one.by_tree(values[~seen])[:, 0]
        num_said += ~seen
    return _joined(trees), said / np.maximum(num_said, 1)


def _as_arrays(tree: Any, classes: np.ndarray) -> Forest:
    """Return a `tree_` of scikit-learn, which has no types, as a forest of one."""
    shares = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
    probability = shares @ classes.astype(float)
    return Forest(
        tree.feature.clip(min=-1).astype(np.int16),
        tree.threshold,
        tree.children_left.astype(np.int32),
        tree.children_right.astype(np.int32),
        probability.astype(np.float32),
        np.zeros(1, dtype=np.int32),
    )


def _joined(trees: list[Forest]) -> Forest:
    """Return a forest of many trees."""
    sizes = np.array([len(tree.feature) for tree in trees])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
    return Forest(
        np.concatenate([tree.feature for tree in trees]),
        np.concatenate([tree.threshold for tree in trees]),
        np.concatenate([tree.left + root for tree, root in zip(trees, roots, strict=True)]),
        np.concatenate([tree.right + root for tree, root in zip(trees, roots, strict=True)]),
        np.concatenate([tree.probability for tree in trees]),
        roots,
    )
