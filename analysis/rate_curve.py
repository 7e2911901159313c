"""The curve of a learning-rate range test."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RateCurve:
    """The training loss while the learning rate increases from update to update.

    Attributes:
        title: Title of the picture.
        rates: Learning rate of each update.
        losses: Training loss of each update.
        smoothed: Smoothed loss; it ends where the loss is no longer finite.
        steepest: Rate at which the loss fell fastest; None if it never fell.
        suggested: Interval of rates to try; None if the loss never fell.
    """

    title: str
    rates: Sequence[float]
    losses: Sequence[float]
    smoothed: Sequence[float]
    steepest: float | None
    suggested: tuple[float, float] | None
