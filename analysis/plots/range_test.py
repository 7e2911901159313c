"""The picture of a learning-rate range test."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from failmap.analysis.palette import FAILS, LEARNS
from failmap.analysis.plots.saving import DOTS_PER_INCH, GRID, INK, save
from failmap.run_folder.storage import AnyPath


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


def write_range_test(curve: RateCurve, path: AnyPath) -> AnyPath:
    """Draw the loss over the learning rate and write it atomically as a PNG."""
    figure = Figure(figsize=(7.5, 4.2), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = len(curve.smoothed)
    axes.plot(curve.rates[:shown], curve.losses[:shown], color=GRID, linewidth=0.8, label="each update")
    axes.plot(curve.rates[:shown], curve.smoothed, color=LEARNS, linewidth=1.8, label="smoothed")
    if curve.suggested is not None and curve.steepest is not None:
        low, high = curve.suggested
        axes.axvspan(low, high, color=GRID, alpha=0.4, label=f"suggested: {low:.2g} to {high:.2g}")
        axes.axvline(curve.steepest, color=FAILS, linewidth=1.2, label=f"steepest: {curve.steepest:.2g}")
    axes.set_xscale("log")
    least, first = min(curve.smoothed), curve.smoothed[0]
    # An exploding loss would flatten the rest: show twice the height of the fall.
    axes.set_ylim(least - 0.1 * (first - least or 1), first + (first - least or 1))
    axes.set_xlabel("learning rate", color=INK)
    axes.set_ylabel("training loss", color=INK)
    axes.set_title(curve.title, loc="left", fontsize=11, color=INK, fontweight="bold", parse_math=False)
    axes.legend(fontsize=8, frameon=False, labelcolor=INK, loc="lower left")
    return save(figure, path)
