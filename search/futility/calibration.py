"""Calibration of a rule on the curves of trainings that ran to their end."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from failmap.search.futility.features import features
from failmap.search.futility.forest import grow
from failmap.search.futility.rule import Rule, first_look, smoothed


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
    used = [(curve, num) for curve, num in shortened if num > 0]
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
    probability = smoothed(probability, index)
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


def _num_before_end(curve: Curve, num_evaluations: int) -> int:
    """Return the number of evaluations at which a training could still have been stopped."""
    return min(len(curve.scores), num_evaluations) - 1


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
