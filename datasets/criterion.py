"""What counts as learned in each task, and that blind guessing cannot get there. Knows no torch."""

import math
from collections.abc import Callable

from datasets.chance import (
    Chance,
    adding_chance,
    best_of_chance,
    least_error_of_chance,
    parity_chance,
    recall_chance,
)
from datasets.config import AddingConfig, DelayedRecallConfig, MnistConfig, ParityConfig, TaskConfig
from datasets.errors import TaskError

#: Accuracy that counts as learned where a network can get everything right.
TARGET_ACCURACY = 0.99
#: Accuracy that counts as learned on handwritten digits, within reach of a few thousand training digits.
TARGET_DIGIT_ACCURACY = 0.80
#: Share of chance's mean squared error to get below.
TARGET_ERROR_SHARE = 0.05
#: Blind accuracy on digits before the files are read: 1 of 10 classes of one size.
NOMINAL_DIGIT_CHANCE = 0.1


#: Evaluations of one trial that a criterion must outlast unless told otherwise.
NUM_EVALUATIONS = 1000
#: No larger test set is proposed: the criterion is what must change.
_LARGEST_TEST_SIZE = 1_000_000


def nominal_chance(config: TaskConfig) -> Chance:
    """What blind guessing gets, exactly; for digits as if each were equally frequent."""
    match config:
        case ParityConfig():
            return parity_chance(config)
        case AddingConfig():
            return adding_chance(config)
        case DelayedRecallConfig():
            return recall_chance(config)
        case _:
            assert isinstance(config, MnistConfig), config
            return Chance(metric=NOMINAL_DIGIT_CHANCE, loss=-math.log(NOMINAL_DIGIT_CHANCE))


def target_metric(config: TaskConfig) -> float:
    """The task's own criterion: an accuracy to reach, or a mean squared error to get below."""
    if isinstance(config, AddingConfig):
        return TARGET_ERROR_SHARE * adding_chance(config).metric
    return TARGET_DIGIT_ACCURACY if isinstance(config, MnistConfig) else TARGET_ACCURACY


def check_criterion(
    config: TaskConfig,
    num_evaluations: int = NUM_EVALUATIONS,
    score: float | None = None,
    chance: Chance | None = None,
) -> None:
    """Makes sure that blind guessing does not meet the criterion, not even at its best evaluation.

    Args:
        config: the task.
        num_evaluations: evaluations of one trial at most.
        score: the criterion as skill (0 at chance, 1 perfect) where the user set one.
        chance: where it is known better than nominally.

    Raises:
        TaskError: it may. Names the least test set that rules it out.
    """
    chance = chance or nominal_chance(config)
    perfect = 1.0 if config.metric == "accuracy" else 0.0
    target = target_metric(config) if score is None else chance.metric + score * (perfect - chance.metric)

    def is_beyond_chance(num_sequences: int) -> bool:
        if isinstance(config, AddingConfig):
            return target < least_error_of_chance(config, num_sequences)
        return target > best_of_chance(chance.metric, num_sequences, num_evaluations)

    if is_beyond_chance(config.validation_size):
        return
    least = _least(is_beyond_chance, _LARGEST_TEST_SIZE // 2)
    remedies = [] if least is None else [f"task.test_size={2 * least} or more"]
    remedies += [] if score is None else [f"a criterion.score above {score:g}"]
    raise TaskError(
        f"task.test_size={config.test_size} validates on {config.validation_size} sequences, too few to rule "
        f"out that a guess blind to the input reaches the criterion ({config.metric} {target:.3g}); "
        f"{'set ' + ' or '.join(remedies) if remedies else 'no test set is large enough'}"
    )


def _least(holds: Callable[[int], bool], limit: int) -> int | None:
    """The least whole number from 1 to the limit at which a condition holds that then goes on holding."""
    if not holds(limit):
        return None
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high
