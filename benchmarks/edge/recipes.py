"""How trials of other recipes may enter the surface of the default one: python -m benchmarks.edge.recipes.

On a truth table whose map was trained under three learning rates. Some cells get trials of the default
recipe, and some get trials of the others. What the surface then says of the default one is compared with it.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from benchmarks.arguments import parse_arguments
from benchmarks.edge.tables import OTHER_RECIPES, Table
from benchmarks.edge.truth import CLEAR
from benchmarks.results_file import table, write_results
from failmap.analysis.surface import SURE, Beliefs, Surface, SurfaceAxis, numeric_axes
from failmap.analysis.surface.laplace import approximate
from failmap.analysis.surface.priors import Priors, prior_grid
from failmap.analysis.surface.threads import one_thread

#: The table of the default recipe comes first.
TABLES = ("parity", *OTHER_RECIPES)
#: Standard deviation of a recipe's shift, in logits.
SHIFT = 4.0


@dataclass(frozen=True)
class ShiftedPriors(Priors):
    """Priors of a surface that each recipe moves up or down; the last coordinate is a recipe."""

    def mean(self, positions: Float[np.ndarray, "points axes"]) -> Float[np.ndarray, "priors points"]:
        """Return the prior mean of the logit."""
        return super().mean(positions[:, :-1])

    def covariance(
        self, left: Float[np.ndarray, "left axes"], right: Float[np.ndarray, "right axes"]
    ) -> Float[np.ndarray, "priors left right"]:
        """Return the prior covariance of the logit."""
        is_same = left[:, None, -1] == right[None, :, -1]
        return super().covariance(left[:, :-1], right[:, :-1]) + SHIFT**2 * is_same

    @property
    def variance(self) -> Float[np.ndarray, " priors"]:
        """Return the prior variance of the logit."""
        return super().variance + SHIFT**2

    def subset(self, kept: np.ndarray) -> "ShiftedPriors":
        """Return some of the priors."""
        return ShiftedPriors(**vars(super().subset(kept)))


class Trials(NamedTuple):
    """How many trials of each cell and recipe learned, and how many there were."""

    learned: Float[np.ndarray, "cells recipes"]
    number: Float[np.ndarray, "cells recipes"]


def apart(points: np.ndarray, trials: Trials, axes: Sequence[SurfaceAxis]) -> Beliefs:
    """Return what the trials of the default recipe alone say."""
    return Surface.fit(points, trials.learned[:, 0], trials.number[:, 0], axes).at(points)


def pooled(points: np.ndarray, trials: Trials, axes: Sequence[SurfaceAxis]) -> Beliefs:
    """Return what all trials say, as if they had one recipe."""
    return Surface.fit(points, trials.learned.sum(axis=1), trials.number.sum(axis=1), axes).at(points)


def shifted(points: np.ndarray, trials: Trials, axes: Sequence[SurfaceAxis]) -> Beliefs:
    """Return what all trials say if each recipe has the same surface, higher or lower by a constant."""
    num_recipes = trials.number.shape[1]
    positions = np.stack([axis.position(column) for axis, column in zip(axes, points.T, strict=True)], axis=1)
    priors = ShiftedPriors(**vars(prior_grid(axes, positions)))
    both = np.concatenate(
        [np.column_stack([positions, np.full(len(positions), index)]) for index in range(num_recipes)]
    )
    learned, number = trials.learned.T.reshape(-1), trials.number.T.reshape(-1)
    tried = number > 0
    posterior = approximate(
        priors.covariance(both[tried], both[tried]),
        priors.mean(both[tried]),
        priors.log_weight,
        learned[tried],
        number[tried],
    )
    priors = priors.subset(posterior.kept)
    weights = np.exp(posterior.log_evidence - posterior.log_evidence.max())
    surface = Surface(
        (*axes, SurfaceAxis(is_log=False)),
        priors,
        weights / weights.sum(),
        both[tried],
        number[tried],
        posterior,
    )
    return surface.at(np.column_stack([points, np.zeros(len(points))]))


WAYS = {"apart": apart, "pooled": pooled, "a shift": shifted}


def outcomes(name: str) -> Mapping[tuple[object, ...], list[bool]]:
    """Return by cell whether each training of a table learned within the map's budget."""
    made = Table(name)
    found: dict[tuple[object, ...], list[bool]] = defaultdict(list)
    for curve in made.curves():
        found[curve.labels].append(curve.has_learned_within(made.max_updates))
    return found


def main() -> int:
    """Compare the ways on random sets of trials, and write the page."""
    asked = parse_arguments(draws=100, seed=0)
    by_recipe = [outcomes(name) for name in TABLES]
    made = Table(TABLES[0])
    cells = [cell.values for cell in made.cells()]
    share = np.array([np.mean(by_recipe[0][cell]) for cell in cells])
    space = made.config.space
    axes = numeric_axes(space.map_paths, [axis.labels for axis in space.map_axes])
    numeric = [axis is not None for axis in axes]
    points = np.array(
        [[value for value, one in zip(cell, numeric, strict=True) if one] for cell in cells], float
    )
    kept = [axis for axis in axes if axis is not None]
    rows = []
    for part, others in ((1 / 3, 0), (1 / 3, 1), (1 / 3, 3), (1.0, 1), (1.0, 3)):
        scores: dict[str, list[list[float]]] = defaultdict(list)
        for draw in range(asked.draws):
            random = np.random.default_rng((asked.seed, draw))
            trials = drawn(by_recipe, cells, part, others, random)
            for name, believe in WAYS.items():
                with one_thread():
                    scores[name].append(score(believe(points, trials, kept), share))
        for name, found in scores.items():
            loss, sure, wrong = np.mean(found, axis=0)
            error = np.std([one[0] for one in found]) / np.sqrt(asked.draws)
            rows.append(
                [
                    f"{part:.2f}",
                    others,
                    name,
                    f"{loss:.3f} ± {error:.3f}",
                    f"{100 * sure:.0f}",
                    f"{100 * wrong:.2f}",
                ]
            )
    columns = (
        "cells with a trial of the default, share",
        "trials of each other recipe in half of the cells",
        "others enter",
        "log loss, nats",
        "clear cells sure, %",
        "clear cells wrong, %",
    )
    shares = "; ".join(
        f"{name}: {np.mean([np.mean(mine) for mine in found.values()]):.2f}"
        for name, found in zip(TABLES, by_recipe, strict=True)
    )
    body = f"""The map of `parity` under learning rates 0.003 (default), 0.001, 0.01. Share of all trainings
that learned: {shares}. {asked.draws} draws of trials; loss: mean over cells of the cross entropy between the
share of the default's seeds that learned and p.

{table(columns, rows)}"""
    write_results("edge-recipes", "How other recipes may enter the surface", body)
    return 0


def drawn(
    by_recipe: Sequence[Mapping[tuple[object, ...], list[bool]]],
    cells: Sequence[tuple[object, ...]],
    part: float,
    others: int,
    random: np.random.Generator,
) -> Trials:
    """Draw trials: one of the default recipe in some cells, and some of each other one in half of them."""
    learned, number = np.zeros((2, len(cells), len(by_recipe)))
    for index, found in enumerate(by_recipe):
        size = round((0.5 if index else part) * len(cells))
        count = others if index else 1
        for cell in random.choice(len(cells), size, replace=False):
            results = random.choice(found[cells[cell]], count)
            learned[cell, index], number[cell, index] = sum(results), count
    return Trials(learned, number)


def score(beliefs: Beliefs, share: Float[np.ndarray, " cells"]) -> list[float]:
    """Return the log loss over all cells, and the shares of the clear cells that are sure, and wrong."""
    p = np.clip(beliefs.p, 1e-9, 1 - 1e-9)
    loss = -np.mean(share * np.log(p) + (1 - share) * np.log(1 - p))
    low, high = CLEAR
    clear = (share <= low) | (share >= high)
    above, below = beliefs.prob_above >= SURE, beliefs.prob_above <= 1 - SURE
    wrong = np.where(share >= high, below, above)
    return [float(loss), float(np.mean((above | below)[clear])), float(np.mean(wrong[clear]))]


if __name__ == "__main__":
    sys.exit(main())
