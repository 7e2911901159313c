"""What counts as learned in each task, and that blind guessing cannot get there. Knows no torch."""

import math
from collections.abc import Callable

from failmap.datasets.chance import (
    Chance,
    adding_chance,
    best_of_chance,
    copy_chance,
    least_adding_error,
    least_sum_error,
    marked_xor_chance,
    order_chance,
    parity_chance,
    recall_chance,
    sum_chance,
)
from failmap.datasets.config import (
    AddingConfig,
    ArrayFileConfig,
    CopyMemoryConfig,
    DelayedRecallConfig,
    MarkedXorConfig,
    MnistConfig,
    MovingMnistConfig,
    ParityConfig,
    SumRegressionConfig,
    TaskConfig,
    TemporalOrderConfig,
)
from failmap.datasets.errors import TaskError
from failmap.datasets.input_space import is_enumerated

#: Accuracy that counts as learned where a network can get everything right.
TARGET_ACCURACY = 0.99
#: Accuracy that counts as learned on handwritten digits, within reach of a few thousand training digits.
TARGET_DIGIT_ACCURACY = 0.80
#: Share of chance's mean squared error to get below.
TARGET_ERROR_SHARE = 0.05
#: The same for frames, whose pixels a network cannot get all right. Who knows where digits are, but not
#: which, is left with 0.49 to 0.65 of chance, and no fixed frames get below 0.99 of it. An LSTM of 128 units
#: that reconstructs 5 frames of 16 x 16 by squared error gets below one half within 150 updates.
TARGET_FRAME_ERROR_SHARE = 0.5
#: Share of the way from chance to perfection that counts as learned on the user's own data. Their labels
#: hold noise of unknown size: near 1 every network would count as failed, and below one half a trace of
#: signal as learned.
FILE_SKILL = 0.6
#: Blind accuracy on digits before the files are read: 1 of 10 classes of one size.
NOMINAL_DIGIT_CHANCE = 0.1


#: Evaluations of one trial that a criterion must outlast unless told otherwise.
NUM_EVALUATIONS = 1000
#: No larger test set is proposed: the criterion is what must change.
_LARGEST_TEST_SIZE = 1_000_000


def nominal_chance(config: TaskConfig) -> Chance | None:
    """What blind guessing gets, exactly; for digits as if each were equally frequent.

    None where only the data tell.
    """
    match config:
        case ParityConfig():
            return parity_chance(config)
        case MarkedXorConfig():
            return marked_xor_chance(config)
        case AddingConfig():
            return adding_chance(config)
        case SumRegressionConfig():
            return sum_chance(config)
        case CopyMemoryConfig():
            return copy_chance(config)
        case DelayedRecallConfig():
            return recall_chance(config)
        case TemporalOrderConfig():
            return order_chance(config)
        case MnistConfig():
            return Chance(metric=NOMINAL_DIGIT_CHANCE, loss=-math.log(NOMINAL_DIGIT_CHANCE))
        case _:
            return None


def target_metric(config: TaskConfig, chance: Chance | None = None) -> float:
    """The task's own criterion: an accuracy to reach, or a mean squared error to get below.

    Args:
        config: the task.
        chance: where only the data tell it.
    """
    if isinstance(config, ArrayFileConfig):
        assert chance is not None, "chance of a file is known from its data only"
        return at_skill(config, FILE_SKILL, chance)
    if config.metric == "accuracy":
        return TARGET_DIGIT_ACCURACY if isinstance(config, MnistConfig) else TARGET_ACCURACY
    chance = chance or nominal_chance(config)
    assert chance is not None, "chance of this task is known from its data only"
    share = TARGET_FRAME_ERROR_SHARE if isinstance(config, MovingMnistConfig) else TARGET_ERROR_SHARE
    return share * chance.metric


def at_skill(config: TaskConfig, score: float, chance: Chance) -> float:
    """The metric of a skill: 0 at chance, 1 perfect."""
    perfect = 1.0 if config.metric == "accuracy" else 0.0
    return chance.metric + score * (perfect - chance.metric)


def check_criterion(
    config: TaskConfig,
    num_evaluations: int = NUM_EVALUATIONS,
    score: float | None = None,
    chance: Chance | None = None,
    num_validation: int | None = None,
) -> None:
    """Makes sure that blind guessing does not meet the criterion, not even at its best evaluation.

    Args:
        config: the task.
        num_evaluations: evaluations of one trial at most.
        score: the criterion as skill (0 at chance, 1 perfect) where the user set one.
        chance: where it is known better than nominally. Where it is known from the data only, nothing is
            checked without it.
        num_validation: validation sequences where the configuration does not say.

    Raises:
        TaskError: it may. Names the least test set that rules it out.
    """
    chance = chance or nominal_chance(config)
    if chance is None:
        return
    num_validation = num_validation or config.validation_size
    target = target_metric(config, chance) if score is None else at_skill(config, score, chance)
    if is_beyond_chance(config, target, chance, num_validation, num_evaluations):
        return
    least = _least(
        lambda num: is_beyond_chance(config, target, chance, num, num_evaluations), _LARGEST_TEST_SIZE // 2
    )
    remedies = [] if least is None else [f"task.test_size={2 * least} or more"]
    remedies += [] if score is None else [f"a criterion.score above {score:g}"]
    size = f"task.test_size={config.test_size}" if config.test_size else "the file's share"
    raise TaskError(
        f"{size} validates on {num_validation} sequences, too few to rule out that a guess blind to the "
        f"input reaches the criterion ({config.metric} {target:.3g}); "
        f"{'set ' + ' or '.join(remedies) if remedies else 'no test set is large enough'}"
    )


def is_beyond_chance(
    config: TaskConfig, target: float, chance: Chance, num_sequences: int, num_evaluations: int
) -> bool:
    """Whether blind guessing stays short of a target on so many sequences.

    A set that holds every distinct input shows blind guessing for what it is. So does an error that was
    measured on the validation set itself: its best blind guess is chance.
    """
    if is_enumerated(config):
        return (target > chance.metric) == (config.metric == "accuracy")
    if config.metric == "accuracy":
        return target > best_of_chance(chance.metric, num_sequences, num_evaluations)
    match config:
        case AddingConfig():
            return target < least_adding_error(config, num_sequences)
        case SumRegressionConfig():
            return target < least_sum_error(config, num_sequences)
        case _:
            return target < chance.metric


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
