"""The criterion of a file: how strict it must be, how precise it is, and what helps if luck could meet it."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from scipy import special

from failmap.datasets.chance import TOLERATED_LUCK
from failmap.datasets.config.base import ClassMetric
from failmap.datasets.criterion import NUM_EVALUATIONS
from failmap.datasets.errors import TaskError
from failmap.datasets.files.luck import ClassLuck, Luck, NumberLuck, least_safe_skill

if TYPE_CHECKING:
    from failmap.datasets.array_file import ArrayFile

#: A trial's evaluations as the criterion of a small set counts them, where the usual number leaves none.
_FEW_EVALUATIONS = 100
#: No criterion that is not set is raised above this for numbers, whose noise no network predicts.
_LARGEST_NUMBER_SKILL = 0.9
#: Shares of the file that are tried as a test set, as a remedy.
_SHARES = (0.3, 0.4, 0.5)
#: Metrics that are tried as a remedy.
_METRICS: tuple[ClassMetric, ...] = ("accuracy", "balanced_accuracy", "f1", "auroc")
#: From so many independent sequences on, their number needs no note.
_ENOUGH_SEQUENCES = 200
#: Share of one class from which its accuracy says little.
_IMBALANCED = 0.8
#: Half the width of a 95 % interval in standard errors.
_HALF_WIDTH = 1.96


def own_skill(luck: Luck, skill: float) -> float:
    """Return the skill of a file's own criterion: the one wanted, or the least that luck does not meet.

    It is the same for all recipes, so it does not depend on how often a trial is evaluated. If nothing rules
    luck out, it is as strict as it may be, and `check_luck` decides.
    """
    largest = max(skill, _LARGEST_NUMBER_SKILL if isinstance(luck, NumberLuck) else 1.0)
    for num_evaluations in (NUM_EVALUATIONS, _FEW_EVALUATIONS):
        found = least_safe_skill(luck, skill, largest, num_evaluations)
        if found is not None:
            return found
    return largest


def check_luck(task: "ArrayFile", num_evaluations: int, score: float | None = None) -> None:
    """Check that a guess that knows nothing of the input does not meet a file's criterion by luck.

    Args:
        task: The task.
        num_evaluations: Evaluations of one trial at most.
        score: The criterion as skill; None for the task's own.

    Raises:
        TaskError: It may. Names what helps, as far as anything does.
    """
    skill = task.own_skill if score is None else score
    probability = min(1.0, num_evaluations * task.luck.probability(skill))
    if probability <= TOLERATED_LUCK:
        return
    metric = task.config.metric_at_skill(skill, task.chance)
    remedies = list(_remedies(task, num_evaluations, score))
    advice = f"set {', or '.join(remedies)}" if remedies else "the file has too few for any share of it"
    raise TaskError(
        f"{_size(task)} are too few: in {num_evaluations} evaluations a guess that knows nothing of the "
        f"input reaches the criterion ({task.config.metric_name} {metric:.3g}) by luck with a probability of "
        f"up to {probability:.2g}, and {TOLERATED_LUCK:g} is allowed; {advice}"
    )


def _remedies(task: "ArrayFile", num_evaluations: int, score: float | None) -> Iterator[str]:
    """Yield settings with which the check passes; each was tried."""
    skill = task.own_skill if score is None else score
    largest = _LARGEST_NUMBER_SKILL if isinstance(task.luck, NumberLuck) else 1.0
    found = least_safe_skill(task.luck, skill, largest, num_evaluations)
    if found is not None:
        yield f"criterion.score={math.ceil(1000 * found) / 1000:g}"
    config = task.config
    if config.validation_path is None:
        shares = ({"test_share": share, "test_size": 0} for share in _SHARES if share > config.test_share)
        for changes in shares:
            if _passes(task, changes, num_evaluations, score):
                yield f"task.test_share={changes['test_share']:g}"
                break
    for metric in _METRICS if config.target == "classification" else ():
        if metric != config.metric_name and _passes(task, {"metric": metric}, num_evaluations, score):
            yield f"task.metric={metric}"
            break


def _passes(
    task: "ArrayFile", changes: Mapping[str, object], num_evaluations: int, score: float | None
) -> bool:
    try:
        changed = type(task)(task.config.model_copy(update=changes))
    except TaskError:
        return False
    skill = changed.own_skill if score is None else score
    return num_evaluations * changed.luck.probability(skill) <= TOLERATED_LUCK


def precision_notes(task: "ArrayFile", *, is_raised: bool) -> tuple[str, ...]:
    """Return notes on a small or imbalanced validation set: the criterion's interval, and what it became."""
    notes = []
    config, luck, target_metric = task.config, task.luck, task.target_metric
    name = config.metric_name.replace("_", " ")
    if luck.size < _ENOUGH_SEQUENCES or is_raised:
        low, high = _interval(luck, target_metric)
        notes.append(
            f"{_size(task)} only: {name} {target_metric:.3g} there stands for {low:.2g} to {high:.2g} (95 %)"
        )
    if is_raised:
        notes.append(
            f"the criterion is raised to {name} {target_metric:.3g}: luck could meet a laxer one on so few"
        )
    if isinstance(luck, ClassLuck) and config.metric_name == "accuracy":
        share = luck.counts[-1] / luck.size
        if share >= _IMBALANCED:
            notes.append(
                f"{share:.0%} of the validation set are of one class: task.metric=balanced_accuracy (or f1, "
                "auroc) and task.class_weights=balanced count the classes alike"
            )
    return tuple(notes)


def _size(task: "ArrayFile") -> str:
    """Describe the size of the validation set, and what it counts as if that is less."""
    what = "windows" if task.config.target == "forecasting" else "sequences"
    size = f"{task.num_validation} validation {what}"
    luck = task.luck
    if not isinstance(luck, NumberLuck):
        return f"{size} ({max(luck.counts) / luck.size:.0%} of one class)"
    counted = [f"{luck.num_independent} without a common target"] * (
        luck.num_independent < task.num_validation
    )
    if luck.size < 0.9 * luck.num_independent:
        counted.append(f"as good as {luck.size:.0f}, since a few large targets decide the error")
    return f"{size} ({', '.join(counted)})" if counted else size


def _interval(luck: Luck, metric: float) -> tuple[float, float]:
    """Return the 95 % interval of a metric that was measured on the validation set.

    Wilson's for an accuracy, that of a mean of squared normal errors, and a normal one for the others.
    """
    n = luck.size
    if isinstance(luck, NumberLuck):
        return n * metric / special.chdtri(n, 0.025), n * metric / special.chdtri(n, 0.975)
    if luck.metric == "accuracy":
        z = _HALF_WIDTH**2 / n
        middle = (metric + z / 2) / (1 + z)
        half = math.sqrt(z * (metric * (1 - metric) + z / 4)) / (1 + z)
    else:
        # Recalls at one half; ranks by Van Dantzig's bound.
        rare = [min(count, n - count) for count in luck.counts]
        middle, half = metric, _HALF_WIDTH * sum(0.5 / math.sqrt(count) for count in rare) / len(rare)
    return max(0.0, middle - half), min(1.0, middle + half)
