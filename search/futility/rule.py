"""The rule by which a trial is hopeless: its forest, its threshold, its file."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from failmap.search.futility.features import NUM_FEATURES, features
from failmap.search.futility.forest import Forest

#: Nothing is stopped before this share of its updates: what a curve shows by then is the cell's more than its
#: own, and a cause shows later.
_LEAST_SHARE = 0.2
#: Evaluations over which the forest's probability is averaged.
_SMOOTHED = 3


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
        return smoothed(forest, np.zeros(len(forest), dtype=int))

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
        # numpy and zipfile raise errors of many kinds for a damaged file.
        except Exception as error:
            raise ValueError(f"not a rule: {error}") from None
        if not all(type(number) in (int, float) for number in numbers.values()) or rule.num_evaluations < 1:
            raise ValueError("not a rule: its numbers are none")
        return rule


def first_look(num_evaluations: int) -> int:
    """Return the evaluation from which on a training may be stopped."""
    return math.ceil(_LEAST_SHARE * num_evaluations)


def smoothed(
    probability: Float[np.ndarray, " rows"], index: Int64[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """Return means over the last evaluations of each curve; one that looks hopeless once only is no case."""
    total, number = probability.copy(), np.ones(len(probability))
    for back in range(1, _SMOOTHED):
        has_earlier = index[back:] == index[:-back]
        total[back:] += np.where(has_earlier, probability[:-back], 0.0)
        number[back:] += has_earlier
    return total / number
