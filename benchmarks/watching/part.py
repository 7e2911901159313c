"""One part of the measurement, in a process of its own.

`python -m benchmarks.watching.part PART NETWORK STEPS` prints its rows as JSON.
"""

import json
import sys
import tempfile
from dataclasses import asdict
from typing import Any

import torch

from benchmarks.watching.in_turn import InBlocks, cost, run_in_turn
from benchmarks.watching.training import Training

#: What all other ways are compared with.
BARE = "bare loop"


def watched(network: str, steps: int, scratch: str) -> list[dict[str, Any]]:
    """Measure the watch with everything given and with the loss alone, and the bare loop a second time."""
    from benchmarks.watching.watched import WatchedTraining

    ways: dict[str, InBlocks] = {
        BARE: Training(network),
        "the same again": Training(network),
        "watched, everything given": WatchedTraining(network, "everything", scratch),
        "watched, the loss alone": WatchedTraining(network, "loss", scratch),
    }
    return _rows(network, steps, ways)


def everything(network: str, steps: int, scratch: str) -> list[dict[str, Any]]:
    """Measure the watch with everything given, and no more."""
    from benchmarks.watching.watched import WatchedTraining

    ways: dict[str, InBlocks] = {
        BARE: Training(network),
        "watched, everything given": WatchedTraining(network, "everything", scratch),
    }
    return _rows(network, steps, ways)


def validated(network: str, steps: int, scratch: str) -> list[dict[str, Any]]:
    """Measure the watch of a loop that validates, beside the same loop."""
    from benchmarks.watching.watched import WatchedTraining

    ways: dict[str, InBlocks] = {
        BARE: Training(network, validates=True),
        "watched, validated every 100 steps": WatchedTraining(network, "validation", scratch),
    }
    return _rows(network, steps, ways)


def lightning(network: str, steps: int, scratch: str) -> list[dict[str, Any]]:
    """Measure Lightning's Trainer."""
    from lightning import __version__

    from benchmarks.watching.others import LightningTraining

    name = f"Lightning {__version__}, Trainer by default"
    return _rows(network, steps, {BARE: Training(network), name: LightningTraining(network, steps, scratch)})


def cockpit(network: str, steps: int, scratch: str) -> list[dict[str, Any]]:
    """Measure Cockpit at every step, and at every 25th."""
    from importlib.metadata import version

    from benchmarks.watching.others import CockpitTraining

    name = f"Cockpit {version('cockpit-for-pytorch')}, economy"
    ways: dict[str, InBlocks] = {
        BARE: Training(network),
        f"{name}, every step": CockpitTraining(network, 1),
        f"{name}, every 25 steps": CockpitTraining(network, 25),
    }
    return _rows(network, steps, ways)


def _rows(network: str, steps: int, ways: dict[str, InBlocks]) -> list[dict[str, Any]]:
    times = run_in_turn(ways, steps)
    rows = []
    for name, way in ways.items():
        if name == BARE:
            continue
        looks = getattr(getattr(way, "watch", None), "looks", None)
        rows.append(
            {
                "network": network,
                "name": name,
                "steps": steps,
                "bare": sum(times[BARE].blocks) / steps,
                "looks": [looks.number, looks.seconds] if looks else None,
                "closing_seconds": times[name].closing,
                **asdict(cost(times[name], times[BARE])),
            }
        )
    return rows


PARTS = {
    "watched": watched,
    "everything": everything,
    "validated": validated,
    "lightning": lightning,
    "cockpit": cockpit,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    part, network, steps = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        print("\n" + json.dumps(PARTS[part](network, int(steps), scratch)))
