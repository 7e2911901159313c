"""Checks that blind guessing cannot meet a task's criterion, and how much few test sequences can show.

Nothing here imports torch.
"""

import math
from bisect import bisect_left

from failmap.datasets.chance import Chance, best_of_chance
from failmap.datasets.config import TaskConfig
from failmap.datasets.errors import TaskError

#: Default number of evaluations of one trial among which blind guessing must not meet the criterion.
NUM_EVALUATIONS = 1000
#: No larger test set is proposed: the criterion is what must change.
_LARGEST_TEST_SIZE = 1_000_000
#: From so many test sequences on, their number needs no note.
_ENOUGH_TEST_SEQUENCES = 1000
#: Half the width of a 95 % interval in standard errors.
_HALF_WIDTH = 1.96


def check_criterion(
    config: TaskConfig,
    num_evaluations: int = NUM_EVALUATIONS,
    score: float | None = None,
    chance: Chance | None = None,
) -> None:
    """Check that blind guessing does not meet the criterion, not even at its best evaluation.

    Nothing is checked of a task whose chance only its data determine; `check_luck` checks files.

    Args:
        config: The task.
        num_evaluations: Evaluations of one trial at most.
        score: The criterion as skill (0 at chance, 1 perfect), if the user set one.
        chance: Measured chance, if known.

    Raises:
        TaskError: Blind guessing may meet it. Names the smallest test set that rules this out.
    """
    chance = chance or config.chance()
    if chance is None:
        return
    num_validation = config.num_validation
    target = config.target_metric(chance) if score is None else config.metric_at_skill(score, chance)
    if is_beyond_chance(config, target, chance, num_validation, num_evaluations):
        return
    # Larger sets only help, so the least that suffices is found by bisection.
    sizes = range(1, _LARGEST_TEST_SIZE // 2 + 1)
    num_too_few = bisect_left(
        sizes, True, key=lambda num: is_beyond_chance(config, target, chance, num, num_evaluations)
    )
    remedies = [] if num_too_few == len(sizes) else [f"task.test_size={2 * sizes[num_too_few]} or more"]
    remedies += [] if score is None else [f"a criterion.score above {score:g}"]
    raise TaskError(
        f"task.test_size={config.test_size} validates on {num_validation} sequences, too few to rule out "
        f"that a guess blind to the input reaches the criterion ({config.metric_name} {target:.3g}); "
        f"{'set ' + ' or '.join(remedies) if remedies else 'no test set is large enough'}"
    )


def is_beyond_chance(
    config: TaskConfig, target: float, chance: Chance, num_sequences: int, num_evaluations: int
) -> bool:
    """Return whether blind guessing stays short of a target on so many sequences.

    On a set of all distinct inputs, the best blind guess is exactly chance.
    """
    if config.is_enumerated:
        return (target > chance.metric) == config.is_larger_better
    if config.is_larger_better:
        return target > best_of_chance(chance.metric, num_sequences, num_evaluations)
    return target < config.least_blind_error(chance, num_sequences)


def few_test_sequences(config: TaskConfig, num_test: int) -> tuple[str, ...]:
    """Return a note on the precision of a small test set, or nothing where it is large enough.

    A binomial share is the least certain at one half. The mean of squared normal errors has a standard
    error of sqrt(2/n) of itself.
    """
    if num_test >= _ENOUGH_TEST_SEQUENCES:
        return ()
    if config.metric_name == "accuracy":
        known = f"an accuracy is known to ±{100 * _HALF_WIDTH * math.sqrt(0.25 / num_test):.0f} points only"
    elif config.is_larger_better:
        # The precision of other metrics depends on the sizes of the classes.
        return ()
    else:
        known = f"a mean squared error is known to ±{100 * _HALF_WIDTH * math.sqrt(2 / num_test):.0f} % only"
    return (f"{num_test:,} test sequences: {known} (95 %)",)
