"""Faults planted in processes of ours from outside, through Python's sitecustomize.

No product code knows of them. A process plants what the JSON in the environment variable FAILMAP_CHAOS asks
for: `storage` (a folder, and a file that holds the mode), `clock` (hours), `trials` (numbers, and what goes
wrong with each).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLE = "FAILMAP_CHAOS"
ROOT = Path(__file__).parents[3]


def environment(**faults: Any) -> Mapping[str, str]:
    """What a driver's environment needs so that it and its workers plant these faults."""
    search_path = os.pathsep.join([str(Path(__file__).parent / "path"), str(ROOT)])
    return {"PYTHONPATH": search_path, VARIABLE: json.dumps(faults)}


def plant() -> None:
    """Plants what this process' environment asks for."""
    asked: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
    # Here: each is imported in the processes that meet it alone.
    if storage := asked.get("storage"):
        from benchmarks.chaos.sabotage.storage import plant_in_storage

        plant_in_storage(storage["folder"], storage["flag"])
    if clock := asked.get("clock"):
        from benchmarks.chaos.sabotage.clock import plant_in_clock

        plant_in_clock(clock["hours"])
    if trials := asked.get("trials"):
        from benchmarks.chaos.sabotage.trials import plant_in_trials

        plant_in_trials({int(number): kind for number, kind in trials.items()})
