"""Chance where the label is one of several symbols: recall, copying, and the order of marks."""

import math

from failmap.datasets.chance.base import Chance, entropy, labelled_steps, mean
from failmap.datasets.config import CopyMemoryConfig, DelayedRecallConfig, TemporalOrderConfig
from failmap.datasets.input_space import mark_ranges


def recall_chance(config: DelayedRecallConfig) -> Chance:
    """Guessing any of the equally likely symbols."""
    return Chance(metric=1 / config.num_symbols, loss=math.log(config.num_symbols))


def copy_chance(config: CopyMemoryConfig) -> Chance:
    """Saying blank until the symbols are asked for, then any symbol (Arjovsky et al. 2016, section 5.1).

    The accuracy counts the symbols only; the loss is a mean over all steps, the blanks being free.
    """
    nats = config.num_copied * math.log(config.num_symbols)
    return Chance(metric=1 / config.num_symbols, loss=nats / config.num_steps)


def order_chance(config: TemporalOrderConfig, num_known: int = 0) -> Chance:
    """Guessing, for each mark but the first ones known, the likelier of X and Y.

    A mark counts as Y at a step if it is one and has been seen by then: half the probability of the latter.
    """
    ranges = mark_ranges(config.num_marks, config.sequence_length)[num_known:]
    accuracies, losses = [], []
    for step in labelled_steps(config):
        seen = [min(max(step - places.start, 0) / len(places), 1.0) for places in ranges]
        accuracies.append(math.prod(1 - p / 2 for p in seen))
        losses.append(sum(entropy(p / 2) for p in seen))
    return Chance(metric=mean(accuracies), loss=mean(losses))
