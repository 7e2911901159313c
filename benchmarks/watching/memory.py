"""Resident memory of a long training of a tiny network, watched and bare, each in a process of its own.

A process has one resident size: two trainings in it could not be told apart.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from failmap.watcher.examples.host_batch import Array

#: Readings of a training; the first fifth, in which allocators and the first looks fill up, is left out.
READINGS, WARM_UP = 100, 20
#: Resamples of the bootstrap, the percentage that its interval leaves out at each end, readings of a block.
_RESAMPLES, _TAIL, _BLOCK = 2000, 2.5, 8


class Growth(NamedTuple):
    """Growth of the resident memory.

    Attributes:
        start, end: Megabytes after the warm-up and at the end.
        slope: Bytes a step, by least squares, with its interval of 95 %.
    """

    start: float
    end: float
    slope: tuple[float, float, float]


def growth(steps: int, *, is_watched: bool) -> Growth:
    """Train in a process of its own and return how its memory grew."""
    command = [sys.executable, "-m", "benchmarks.watching.memory", str(steps), str(int(is_watched))]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    readings = np.array(json.loads(ended.stdout.splitlines()[-1]), dtype=float)[WARM_UP:]
    at = np.arange(len(readings)) * (steps / READINGS)
    return Growth(readings[0] / 1e6, readings[-1] / 1e6, _slope(at, readings))


def _slope(at: Array, readings: Array) -> tuple[float, float, float]:
    """Return the slope and its interval, by a bootstrap of blocks of residuals.

    Readings depend on earlier ones, so single ones would make the interval too narrow.
    """
    slope, offset = np.polyfit(at, readings, 1)
    residuals = readings - slope * at - offset
    generator = np.random.default_rng(0)
    count = len(readings)
    slopes = []
    for _ in range(_RESAMPLES):
        starts = generator.integers(0, count - _BLOCK + 1, -(-count // _BLOCK))
        drawn = np.concatenate([residuals[start : start + _BLOCK] for start in starts])[:count]
        slopes.append(np.polyfit(at, slope * at + offset + drawn, 1)[0])
    low, high = np.percentile(slopes, (_TAIL, 100 - _TAIL))
    return float(slope), float(low), float(high)


def readings_here(steps: int, storage: str, *, is_watched: bool) -> list[int]:
    """Train in this process and return its resident bytes, READINGS times."""
    import failmap

    torch.set_num_threads(1)
    torch.manual_seed(0)
    rnn, head = nn.LSTM(2, 4, batch_first=True), nn.Linear(4, 2)
    model = nn.ModuleList([rnn, head])
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), 0.1), nn.CrossEntropyLoss()
    watch = failmap.watch(model, optimizer, loss_fn, storage=storage) if is_watched else None
    readings = []
    for update in range(1, steps + 1):
        inputs = torch.randn(4, 5, 2)
        targets = (inputs[:, -1, 0] > 0).long()
        outputs = head(rnn(inputs)[0][:, -1])
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if watch is not None:
            watch.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        if update % (steps // READINGS) == 0:
            readings.append(_resident())
    if watch is not None:
        watch.close()
        assert not watch.problems, watch.problems
    return readings


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(readings_here(int(sys.argv[1]), scratch, is_watched=sys.argv[2] == "1")))
