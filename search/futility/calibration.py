"""The rule by which a trial is hopeless, calibrated on the curves of trainings that ran to their end."""

import io
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

from failmap.search.futility.features import NUM_FEATURES, features
from failmap.search.futility.forest import Forest, grow

#: Nothing is stopped before this share of its updates: what a curve shows by then is the cell's more than its
#: own, and a cause shows later.
_LEAST_SHARE = 0.2

#: Evaluations over which the forest's probability is averaged.
_SMOOTHED = 3


@dataclass(frozen=True)
class Curve:
    """A training that ran until it learned or its updates were spent, as the rule sees it.

    Attributes:
        cell: Its sizes: what tells its cell from others of its family.
        scores: Score at each evaluation.
        losses: Mean training loss since the evaluation before; None if it was not finite.
        has_learned: Whether it met the criterion within its updates.
        weight: For how many trainings it stands: more than one if others like it were stopped.
    """

    cell: Hashable
    scores: tuple[float, ...]
    losses: tuple[float | None, ...]
    has_learned: bool
    weight: float = 1.0


@dataclass(frozen=True)
class Rule:
    """A trial is hopeless once the forest gives it too small a probability of learning.

    Attributes:
        forest: Gives the probability.
        threshold: The largest one that is too small.
        num_evaluations: Evaluations that the updates allow.
        num_curves: Curves that it was calibrated on.
        stopped, wrong: How many of them it would have stopped, judged by trees that had seen none of their
            cell, and how many of these learned. Numbers of trainings, for curves that stand for several.
        saved: Share of the updates of all that did not learn which it would have saved.
        p_learn: Probability that a training which it stops would have learned: the share of wrong stops.
    """

    forest: Forest
    threshold: float
    num_evaluations: int
    num_curves: int
    stopped: float
    wrong: float
    saved: float
    p_learn: float

    def is_hopeless(self, scores: Sequence[float], losses: Sequence[float | None]) -> bool:
        """Return whether a training with this curve so far is hopeless. It must have an evaluation left."""
        if len(scores) < first_look(self.num_evaluations):
            return False
        return bool(self.probabilities(scores, losses)[-1] <= self.threshold)

    def stops_at(self, scores: Sequence[float], losses: Sequence[float | None]) -> int | None:
        """Return the first evaluation, from 1, at which a whole training was hopeless, or None."""
        num = min(len(scores), self.num_evaluations) - 1
        if num < first_look(self.num_evaluations):
            return None
        is_hopeless = self.probabilities(scores[:num], losses[:num]) <= self.threshold
        is_hopeless[: first_look(self.num_evaluations) - 1] = False
        return int(is_hopeless.argmax()) + 1 if is_hopeless.any() else None

    def probabilities(
        self, scores: Sequence[float], losses: Sequence[float | None]
    ) -> Float[np.ndarray, " evaluations"]:
        """Return the probability of learning after each evaluation: the forest's mean over the last few."""
        forest = self.forest.predict(features(scores, losses, self.num_evaluations))
        return _smoothed(forest, np.zeros(len(forest), dtype=int))

    def to_bytes(self) -> bytes:
        """Return the rule as an .npz file."""
        numbers = {f"rule_{name}": value for name, value in vars(self).items() if name != "forest"}
        arrays: dict[str, Any] = {**self.forest.arrays(), **numbers}
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Rule":
        """Invert `to_bytes`. Raises ValueError if the file is damaged."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                read = dict(arrays)
            numbers = {name[len("rule_") :]: one.item() for name, one in read.items() if "rule_" in name}
            forest = Forest(**{name: one for name, one in read.items() if "rule_" not in name})
            forest.require_sound(NUM_FEATURES)
            rule = cls(forest=forest, **numbers)
        # Whatever numpy and zipfile meet in a damaged file: theirs are many kinds.
        except Exception as error:
            raise ValueError(f"not a rule: {error}") from None
        if not all(type(number) in (int, float) for number in numbers.values()) or rule.num_evaluations < 1:
            raise ValueError("not a rule: its numbers are none")
        return rule


def calibrate(curves: Sequence[Curve], num_evaluations: int, max_wrong: float) -> Rule | None:
    """Find the rule that saves most, of those that wrongly stop few enough.

    Args:
        curves: Trainings of one family.
        num_evaluations: Evaluations that their updates allow.
        max_wrong: Largest share of the stopped trials that would have learned, and of the trials that learn
            that are stopped. Without the second, all could be stopped where few learn, also in the one cell
            where most do.

    Returns:
        The rule, or None if the curves are too few to show that any stops few enough.
    """
    shortened = [(curve, _num_before_end(curve, num_evaluations)) for curve in curves]
    used = [(curve, num) for curve, num in shortened if num]
    if len({curve.has_learned for curve, _ in used}) < 2:
        return None
    weight = np.array([curve.weight for curve, _ in used])
    has_learned = np.array([curve.has_learned for curve, _ in used])
    cells = {cell: number for number, cell in enumerate(dict.fromkeys(curve.cell for curve, _ in used))}
    cell = np.array([cells[curve.cell] for curve, _ in used])
    index = np.repeat(np.arange(len(used)), [num for _, num in used])
    rows = np.concatenate(
        [features(curve.scores[:num], curve.losses[:num], num_evaluations) for curve, num in used]
    )
    forest, probability = grow(rows, has_learned[index], index, cell, weight)
    probability = _smoothed(probability, index)
    probability[_evaluation(index) < first_look(num_evaluations)] = np.inf
    least = np.full(len(used), np.inf)
    np.minimum.at(least, index, probability)
    threshold = _largest_threshold(least, has_learned, weight, max_wrong)
    if threshold is None:
        return None
    is_stopped, failing = least <= threshold, weight * ~has_learned
    return Rule(
        forest,
        threshold,
        num_evaluations,
        num_curves=len(used),
        stopped=float(weight[is_stopped].sum()),
        wrong=float(weight[is_stopped & has_learned].sum()),
        saved=float(_saved(probability <= threshold, index, num_evaluations) @ failing / failing.sum()),
        p_learn=float(_share_wrong(weight[is_stopped], has_learned[is_stopped])[-1]),
    )


def _largest_threshold(
    least: Float[np.ndarray, " curves"],
    has_learned: Bool[np.ndarray, " curves"],
    weight: Float[np.ndarray, " curves"],
    max_wrong: float,
) -> float | None:
    """Return the largest threshold that stops few enough curves which learn, or None.

    Args:
        least: The least probability that each curve ever had; it is stopped if the threshold is no less.
        has_learned: Whether it learned.
        weight: For how many trainings it stands.
        max_wrong: Largest share of the stopped ones that learned, and of those that learned that are stopped.
    """
    order = np.argsort(least, kind="stable")
    ranked = least[order]
    # Curves of the same probability are stopped together.
    is_last = np.isfinite(ranked) & np.append(ranked[1:] > ranked[:-1], True)
    weight, has_learned = weight[order], has_learned[order]
    share = np.maximum(_share_wrong(weight, has_learned), _share_lost(weight, has_learned))
    allowed = np.flatnonzero(is_last & (share <= max_wrong))
    return float(ranked[allowed[-1]]) if len(allowed) else None


def _share_wrong(
    weight: Float[np.ndarray, " curves"], has_learned: Bool[np.ndarray, " curves"]
) -> Float[np.ndarray, " curves"]:
    """Return the expected share of wrong stops among the first one, two, ... stopped curves.

    With Jeffreys' prior: (wrong + 1/2) / (stopped + 1). Curves that stand for several count in the share, but
    not as several in the number (Kish 1965: the effective sample size).
    """
    total, size = np.cumsum(weight), np.cumsum(weight) ** 2 / np.cumsum(weight**2)
    share: Float[np.ndarray, " curves"] = (size * np.cumsum(weight * has_learned) / total + 0.5) / (size + 1)
    return share


def _share_lost(
    weight: Float[np.ndarray, " curves"], has_learned: Bool[np.ndarray, " curves"]
) -> Float[np.ndarray, " curves"]:
    """Return the expected share of all curves that learned among the first one, two, ... stopped ones."""
    learned = weight[has_learned]
    size = learned.sum() ** 2 / (learned**2).sum()
    lost = np.cumsum(weight * has_learned) / learned.sum()
    share: Float[np.ndarray, " curves"] = (size * lost + 0.5) / (size + 1)
    return share


def first_look(num_evaluations: int) -> int:
    """Return the evaluation from which on a training may be stopped."""
    return math.ceil(_LEAST_SHARE * num_evaluations)


def _num_before_end(curve: Curve, num_evaluations: int) -> int:
    """Return the number of evaluations at which a training could still have been stopped."""
    return min(len(curve.scores), num_evaluations) - 1


def _smoothed(
    probability: Float[np.ndarray, " rows"], index: Int64[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """Return means over the last evaluations of each curve; one that looks hopeless once only is no case."""
    total, number = probability.copy(), np.ones(len(probability))
    for back in range(1, _SMOOTHED):
        has_earlier = index[back:] == index[:-back]
        total[back:] += np.where(has_earlier, probability[:-back], 0.0)
        number[back:] += has_earlier
    return total / number


def _evaluation(index: Int64[np.ndarray, " rows"]) -> Int64[np.ndarray, " rows"]:
    """Return the number of each row's evaluation, from 1, where index is that of its curve."""
    first = np.searchsorted(index, np.arange(index[-1] + 1))
    number: Int64[np.ndarray, " rows"] = np.arange(len(index)) - first[index] + 1
    return number


def _saved(
    is_hopeless: np.ndarray, index: Int64[np.ndarray, " rows"], num_evaluations: int
) -> Float[np.ndarray, " curves"]:
    """Return the share of its updates that each curve is spared if its first hopeless evaluation ends it."""
    saved = np.zeros(index[-1] + 1)
    for curve in range(len(saved)):
        mine = is_hopeless[index == curve]
        if mine.any():
            saved[curve] = 1 - (mine.argmax() + 1) / num_evaluations
    return saved
