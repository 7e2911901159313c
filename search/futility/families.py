"""Families of trainings, whose curves may be compared, and the curves of those that ship with Failmap."""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from failmap.run_folder.futility import Box
from failmap.run_folder.parsing import flatten
from failmap.search.futility.calibration import Curve

#: Settings in which the trainings of a family may differ, within the ranges that were tried.
SIZES = ("task.sequence_length", "model.depth", "model.hidden_size")
_FREE = (*SIZES, "train.max_updates", "seed")


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a trial but sizes, updates and seed: the same throughout a family.

    Args:
        config: A complete TrialConfig as JSON has it.
    """
    return {path: value for path, value in sorted(flatten(config)) if path not in _FREE}


def sizes_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sizes in which a family's trials differ, by dotted path."""
    return {path: value for path, value in flatten(config) if path in SIZES}


def num_evaluations_of(config: Mapping[str, Any]) -> int:
    """Return the number of evaluations that a trial's updates allow."""
    train = config["train"]
    return -(-int(train["max_updates"]) // int(train["evaluate_every"]))


@dataclass(frozen=True)
class LongCurve:
    """A training that may have gone on beyond the updates of a map.

    Attributes:
        sizes: In the order of their paths.
        scores, losses: At each evaluation.
        learned_at: Number of the evaluation, from 1, at which the criterion was met; None if it was not.
    """

    sizes: tuple[float, ...]
    scores: tuple[float, ...]
    losses: tuple[float | None, ...]
    learned_at: int | None

    def within(self, num_evaluations: int) -> Curve | None:
        """Return the curve of the same training with fewer updates; None if it ended before."""
        if self.learned_at is None and len(self.scores) < num_evaluations:
            return None
        has_learned = self.learned_at is not None and self.learned_at <= num_evaluations
        end = self.learned_at if has_learned else num_evaluations
        return Curve(self.sizes, self.scores[:end], self.losses[:end], has_learned)


@dataclass(frozen=True)
class Family:
    """Trainings that differ only in their sizes and seeds.

    Attributes:
        name: Of the shipped ones.
        settings: What they share, as `settings_of` returns it.
        boxes: Sizes that were tried: the least and the largest value by path.
        num_evaluations: Evaluations of the longest trainings.
        curves: The trainings.
    """

    name: str
    settings: Mapping[str, Any]
    boxes: tuple[Box, ...]
    num_evaluations: int
    curves: tuple[LongCurve, ...]

    def within(self, num_evaluations: int) -> list[Curve]:
        """Return the curves of the trainings with fewer updates, without those that ended before."""
        curves = (curve.within(num_evaluations) for curve in self.curves)
        return [curve for curve in curves if curve is not None]

    def has(self, config: Mapping[str, Any]) -> bool:
        """Return whether a trial is of this family, with updates within what was tried."""
        return num_evaluations_of(config) <= self.num_evaluations and settings_of(config) == self.settings

    def to_json(self) -> str:
        """Return the family as one line for each curve, after one for all else."""
        head = {name: value for name, value in vars(self).items() if name != "curves"}
        lines = [head, *([one.sizes, one.scores, one.losses, one.learned_at] for one in self.curves)]
        return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    @classmethod
    def from_json(cls, text: str) -> "Family":
        """Invert `to_json`."""
        head, *lines = map(json.loads, text.splitlines())
        boxes = tuple({path: (low, high) for path, (low, high) in box.items()} for box in head["boxes"])
        curves = tuple(
            LongCurve(tuple(sizes), tuple(scores), tuple(losses), at) for sizes, scores, losses, at in lines
        )
        return cls(**{**head, "boxes": boxes, "curves": curves})


@cache
def shipped() -> tuple[Family, ...]:
    """Return the families that ship with Failmap."""
    found = sorted(files("failmap.search.futility").joinpath("curves").iterdir(), key=lambda file: file.name)
    return tuple(Family.from_json(gzip.decompress(file.read_bytes()).decode("utf-8")) for file in found)


def box_around(sizes: Sequence[Mapping[str, Any]]) -> Box:
    """Return the least and the largest value of each size."""
    return {path: (min(one[path] for one in sizes), max(one[path] for one in sizes)) for path in sizes[0]}


def is_within(sizes: Mapping[str, Any], box: Box) -> bool:
    """Return whether sizes are within a box of the same paths."""
    return sizes.keys() == box.keys() and all(low <= sizes[path] <= high for path, (low, high) in box.items())
