"""What a user should know of a task's data, one line each. Knows no torch."""

import math

from failmap.datasets.config import GeneratedTaskConfig, TaskConfig
from failmap.datasets.input_space import input_space, is_enumerated, num_held_out

#: Fewer test examples are told.
ENOUGH_TEST_EXAMPLES = 1000
#: Half the width of a 95 % interval in standard errors.
_HALF_WIDTH = 1.96


def few_test_examples(config: TaskConfig, num_test: int) -> tuple[str, ...]:
    """How little so few test examples can tell; nothing where there are enough.

    A binomial share is the least certain at one half. The mean of squared normal errors has a standard
    error of sqrt(2/n) of itself.
    """
    if num_test >= ENOUGH_TEST_EXAMPLES:
        return ()
    if config.metric == "accuracy":
        known = f"an accuracy is known to ±{100 * _HALF_WIDTH * math.sqrt(0.25 / num_test):.0f} points only"
    else:
        known = f"a mean squared error is known to ±{100 * _HALF_WIDTH * math.sqrt(2 / num_test):.0f} % only"
    return (f"{num_test:,} test sequences: {known} (95 %)",)


def num_train_inputs(config: GeneratedTaskConfig) -> int:
    """How many distinct inputs training may draw from: all but those held out, or all if these are all."""
    num_inputs = input_space(config, config.sequence_length).num_inputs
    return num_inputs if is_enumerated(config) else num_inputs - num_held_out(config)


def split_notes(config: GeneratedTaskConfig) -> tuple[str, ...]:
    """Where a task has too few distinct inputs for sets that are disjoint."""
    num_inputs, num_left = input_space(config, config.sequence_length).num_inputs, num_train_inputs(config)
    notes = []
    if is_enumerated(config):
        notes.append(
            f"{config.name} of length {config.sequence_length} has {num_inputs:,} distinct inputs, and "
            f"validation and test would take {num_held_out(config):,}: all sets hold each of them"
        )
    if config.train_size is not None and config.train_size > num_left:
        notes.append(
            f"task.train_size={config.train_size} takes all of the {num_left:,} distinct inputs left"
        )
    return tuple(notes)
