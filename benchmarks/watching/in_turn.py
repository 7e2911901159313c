"""Trainings that run in turn in one process, block by block, and what each costs beside the bare one."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

#: Steps of a block.
BLOCK = 25
#: Resamples of the bootstrap, and the share of them that its interval leaves out at each end.
_RESAMPLES, _TAIL = 2000, 2.5


class InBlocks(Protocol):
    """A training that can be run a few steps at a time."""

    def run(self, updates: Iterable[int]) -> None:
        """Make some optimizer steps."""

    def close(self) -> None:
        """End the training."""


@dataclass
class Times:
    """CPU seconds of one training.

    Attributes:
        blocks: Of each block.
        special: Whether something other than plain steps happened in each block, such as a look.
        closing: Of the end.
    """

    blocks: list[float] = field(default_factory=list)
    special: list[bool] = field(default_factory=list)
    closing: float = 0.0


def run_in_turn(ways: Mapping[str, InBlocks], steps: int) -> dict[str, Times]:
    """Run all trainings block by block, in an order that is reversed each time, and return their times."""
    times = {name: Times() for name in ways}
    for start in range(1, steps + 1, BLOCK):
        updates = range(start, min(start + BLOCK, steps + 1))
        order = list(ways) if start // BLOCK % 2 == 0 else list(reversed(ways))
        for name in order:
            looks = num_looks(ways[name])
            begin = time.process_time()
            ways[name].run(updates)
            times[name].blocks.append(time.process_time() - begin)
            times[name].special.append(num_looks(ways[name]) > looks)
    for name, way in ways.items():
        begin = time.process_time()
        way.close()
        times[name].closing = time.process_time() - begin
    return times


def num_looks(way: InBlocks) -> int:
    """Return the looks so far; 0 for trainings without a watch."""
    watch = getattr(way, "watch", None)
    return 0 if watch is None else watch.looks.number


@dataclass(frozen=True)
class Cost:
    """What a training costs more than the bare one, as shares of the bare one's time.

    Attributes:
        between: Median over the blocks without a look, and its interval.
        whole: All blocks together, and its interval.
        closing: The end.
    """

    between: tuple[float, float, float]
    whole: tuple[float, float, float]
    closing: float


def cost(own: Times, bare: Times) -> Cost:
    """Compare a training with the bare one.

    Blocks are pairs: they ran one after the other. Intervals of 95 % are those of a bootstrap over pairs,
    of blocks with and without looks apart.
    """
    times, beside = np.array(own.blocks), np.array(bare.blocks)
    is_special = np.array(own.special)
    ratios = times / beside - 1
    groups = [np.flatnonzero(is_special), np.flatnonzero(~is_special)]
    generator = np.random.default_rng(0)
    medians, sums = [], []
    for _ in range(_RESAMPLES):
        parts = [generator.choice(group, len(group)) for group in groups]
        medians.append(float(np.median(ratios[parts[1]])))
        drawn = np.concatenate(parts)
        sums.append(float(times[drawn].sum() / beside[drawn].sum() - 1))
    between = float(np.median(ratios[~is_special]))
    whole = float(times.sum() / beside.sum() - 1)
    return Cost((between, *_interval(medians)), (whole, *_interval(sums)), own.closing / float(beside.sum()))


def _interval(values: list[float]) -> tuple[float, float]:
    low, high = np.percentile(values, (_TAIL, 100 - _TAIL))
    return float(low), float(high)
