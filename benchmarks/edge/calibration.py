"""How often a surface is wrong where it is sure: python -m benchmarks.edge.calibration [maps=100] [seed=1].

Maps are simulated from known surfaces of P(learn). A third of the cells gets one to three trials. Priors were
set on the kinds in TUNED only.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.arguments import parse_arguments
from failmap.analysis.surface import Surface, SurfaceAxis

AXES = (SurfaceAxis(is_log=True, may_fall=True), SurfaceAxis(is_log=False))
#: Where a surface is sure, and which cells have a side that matters.
SURE, CLEAR = 0.975, 0.8
#: An interval that ends this close to P(learn) counts as holding it: 1e-9 and 1e-6 are one thing to a search.
CLOSE = 0.02

#: Returns P(learn) from doublings of length since the middle of the map and layers since its middle.
Truth = Callable[[np.ndarray, np.ndarray], np.ndarray]


def sharp(random: np.random.Generator) -> Truth:
    """Return an edge of a third of a doubling that depth moves."""
    middle, shift = random.uniform(-2.5, 2.5), random.normal(0, 0.5)
    return lambda x, y: _logistic(12 * (middle + shift * y - x))


def wide(random: np.random.Generator) -> Truth:
    """Return an edge of two to four doublings that depth moves."""
    middle, shift, slope = random.uniform(-2.5, 2.5), random.normal(0, 0.5), random.uniform(1, 2)
    return lambda x, y: _logistic(slope * (middle + shift * y - x))


def level(random: np.random.Generator) -> Truth:
    """Return an edge that is the same at every depth."""
    middle, slope = random.uniform(-2.5, 2.5), random.uniform(2, 10)
    return lambda x, y: _logistic(slope * (middle - x) + 0 * y)


def all_one(random: np.random.Generator) -> Truth:
    """Return a map without an edge: all of it learns, or all of it fails."""
    logit = random.choice([-1, 1]) * random.uniform(2, 6)
    return lambda x, y: _logistic(logit + 0 * x + 0 * y)


def bent(random: np.random.Generator) -> Truth:
    """Return an edge that moves with the square of depth, and widens with it."""
    middle, bend, slope = random.uniform(-1.5, 1.5), random.normal(0, 0.4), random.uniform(2, 8)
    return lambda x, y: _logistic(slope / (1 + 0.3 * (y + 2)) * (middle + bend * (y**2 - 2) - x))


def step(random: np.random.Generator) -> Truth:
    """Return an abrupt step along length, and another one along depth."""
    middle, depth, jump = random.uniform(-2, 2), random.uniform(-2, 2), random.choice([-2.0, 2.0])
    return lambda x, y: np.where(x < middle + jump * (y > depth), 0.98, 0.02)


def island(random: np.random.Generator) -> Truth:
    """Return a round island that learns, or a ridge."""
    at_x, at_y = random.uniform(-2, 2), random.uniform(-1.5, 1.5)
    width_x, width_y = random.uniform(0.7, 2), random.uniform(0.7, 4)
    return lambda x, y: _logistic(4 * (1 - ((x - at_x) / width_x) ** 2 - ((y - at_y) / width_y) ** 2))


def plateau(random: np.random.Generator) -> Truth:
    """Return a plateau at 0.6 that ends in an edge."""
    middle = random.uniform(-1, 3)
    return lambda x, y: 0.6 * _logistic(6 * (middle - x)) + 0 * y


def low_plateau(random: np.random.Generator) -> Truth:
    """Return an edge behind which 0.3 still learn, at every length."""
    middle = random.uniform(-2, 2)
    return lambda x, y: 0.3 + 0.68 * _logistic(6 * (middle - x)) + 0 * y


def rising(random: np.random.Generator) -> Truth:
    """Return an edge behind which it learns: against what is expected of lengths."""
    middle, slope = random.uniform(-2, 2), random.uniform(2, 8)
    return lambda x, y: _logistic(slope * (x - middle) + 0 * y)


TUNED = (sharp, wide, level, all_one)
UNSEEN = (bent, step, island, plateau, low_plateau, rising)
SHAPES = {"6x5": (6, 5), "9x3": (9, 3), "4x6": (4, 6)}


@dataclass
class Tally:
    """Sums over cells and maps.

    Attributes:
        cells: Number of cells.
        sure: Number of cells where the surface is sure of the side.
        wrong: Number of those whose P(learn) is on the other side of one half.
        clear, sure_clear, wrong_clear: The same of the cells whose P(learn) is clear.
        covered: Number of cells whose P(learn) lies in its interval, or close to it.
        loss: Sum of the expected log loss beyond that of the true P(learn), in nats.
        edges, covered_edges: Number of shallowest rows with one edge, and of those whose band holds it.
    """

    cells: int = 0
    sure: int = 0
    wrong: int = 0
    clear: int = 0
    sure_clear: int = 0
    wrong_clear: int = 0
    covered: int = 0
    loss: float = 0.0
    edges: int = 0
    covered_edges: int = 0

    def add(self, other: "Tally") -> None:
        """Add another tally's sums."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def row(self, name: str) -> str:
        """Return a row of the table."""
        return (
            f"{name:<14}{_percent(self.sure_clear, self.clear)}{_percent(self.wrong_clear, self.sure_clear)}"
            f"{_percent(self.sure, self.cells)}{_percent(self.wrong, self.sure)}"
            f"{_percent(self.covered, self.cells)}{self.loss / self.cells:>10.3f}"
            f"{_percent(self.covered_edges, self.edges)}"
        )


HEADINGS = ("sure clear", "wrong", "sure", "wrong", "covered", "loss", "edge in")


def main() -> int:
    """Print a row for each kind of surface and design."""
    arguments = parse_arguments(maps=100, seed=1)
    for design in (few, third, all_cells):
        print(f"\n{design.__doc__}\n{'':<14}" + "".join(f"{heading:>10}" for heading in HEADINGS))
        for group, kinds in (("tuned on", TUNED), ("unseen", UNSEEN)):
            total = Tally()
            for kind in kinds:
                tally = simulate(kind, design, arguments.maps, arguments.seed)
                print(tally.row(kind.__name__), flush=True)
                total.add(tally)
            print(total.row(group))
    return 0


Design = Callable[[np.random.Generator, int], np.ndarray]


def few(random: np.random.Generator, num_cells: int) -> np.ndarray:
    """Four cells have one or two trials."""
    trials = np.zeros(num_cells)
    trials[random.choice(num_cells, 4, replace=False)] = random.integers(1, 3, 4)
    return trials


def third(random: np.random.Generator, num_cells: int) -> np.ndarray:
    """A third of the cells has one to three trials."""
    trials = np.zeros(num_cells)
    tried = random.choice(num_cells, num_cells // 3, replace=False)
    trials[tried] = random.integers(1, 4, len(tried))
    return trials


def all_cells(random: np.random.Generator, num_cells: int) -> np.ndarray:
    """Every cell has one to four trials."""
    return random.integers(1, 5, num_cells).astype(float)


def simulate(kind: Callable[[np.random.Generator], Truth], design: Design, num_maps: int, seed: int) -> Tally:
    """Return the tally of simulated maps of one kind."""
    total = Tally()
    for index in range(num_maps):
        random = np.random.default_rng([seed, index])
        shape = tuple(SHAPES.values())[index % len(SHAPES)]
        total.add(one_map(kind(random), design, shape, random))
    return total


def one_map(truth: Truth, design: Design, shape: tuple[int, int], random: np.random.Generator) -> Tally:
    """Return the tally of one map with lengths from 4 to 256 and depths from 1."""
    num_lengths, num_depths = shape
    x, y = np.linspace(-3, 3, num_lengths), np.arange(num_depths) - (num_depths - 1) / 2
    grid_x, grid_y = (values.ravel() for values in np.meshgrid(x, y, indexing="ij"))
    points = np.stack([np.exp2(grid_x + 5), grid_y + num_depths], axis=1)
    chance = truth(grid_x, grid_y)
    trials = design(random, len(points))
    learned = random.binomial(trials.astype(int), chance).astype(float)
    surface = Surface.fit(points, learned, trials, AXES)
    believed = surface.at(points)
    sure = np.maximum(believed.prob_above, 1 - believed.prob_above) >= SURE
    wrong = sure & ((believed.prob_above > 0.5) != (chance > 0.5))
    clear = np.maximum(chance, 1 - chance) >= CLEAR
    guess = np.clip(believed.p, 1e-12, 1 - 1e-12)
    loss = _cross_entropy(chance, guess) - _cross_entropy(chance, np.clip(chance, 1e-12, 1 - 1e-12))
    edges, covered_edges = edges_of(surface, truth, y[:1], num_depths)
    return Tally(
        cells=len(points),
        sure=int(sure.sum()),
        wrong=int(wrong.sum()),
        clear=int(clear.sum()),
        sure_clear=int((sure & clear).sum()),
        wrong_clear=int((wrong & clear).sum()),
        covered=int(((believed.low - CLOSE <= chance) & (chance <= believed.high + CLOSE)).sum()),
        loss=float(loss.sum()),
        edges=edges,
        covered_edges=covered_edges,
    )


def edges_of(surface: Surface, truth: Truth, depths: np.ndarray, num_depths: int) -> tuple[int, int]:
    """Return the number of rows with at most one edge, downwards, and of those whose band holds it."""
    fine = np.linspace(-3, 3, 61)
    edges = covered = 0
    for depth in depths:
        sides = truth(fine, np.full_like(fine, depth)) > 0.5
        if (np.diff(sides.astype(int)) > 0).any():
            continue
        where = sides.sum()
        low, high = (
            -math.inf if where == 0 else np.exp2(fine[where - 1] + 5),
            math.inf if where == len(fine) else np.exp2(fine[min(where, len(fine) - 1)] + 5),
        )
        band = surface.edge(0, np.exp2(fine[::2] + 5), np.array([1.0, depth + num_depths]))
        edges += 1
        covered += bool(band.low <= high and band.high >= low)
    return edges, covered


def _logistic(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))


def _cross_entropy(chance: np.ndarray, guess: np.ndarray) -> np.ndarray:
    return -chance * np.log(guess) - (1 - chance) * np.log1p(-guess)


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:>10.1%}" if whole else f"{'-':>10}"


if __name__ == "__main__":
    sys.exit(main())
