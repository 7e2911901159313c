"""Faults planted in our processes through Python's sitecustomize, without any code in the product.

A process plants the faults in the JSON of the environment variable FAILMAP_CHAOS: `storage` (a folder, and a
file with the mode), `clock` (hours), `trials` (numbers, and the fault of each).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLE = "FAILMAP_CHAOS"
ROOT = Path(__file__).parents[3]


def environment(**faults: Any) -> Mapping[str, str]:
    """Return the environment in which a driver and its workers plant these faults."""
    search_path = os.pathsep.join([str(Path(__file__).parent / "path"), str(ROOT)])
    return {"PYTHONPATH": search_path, VARIABLE: json.dumps(faults)}


def plant() -> None:
    """Plant the faults in this process's environment."""
    asked: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
    # Imported here, so that each process imports only what it plants.
    if storage := asked.get("storage"):
        from benchmarks.chaos.sabotage.storage import plant_in_storage

        plant_in_storage(storage["folder"], storage["flag"])
    if clock := asked.get("clock"):
        from benchmarks.chaos.sabotage.clock import plant_in_clock

        plant_in_clock(clock["hours"])
    if trials := asked.get("trials"):
        from benchmarks.chaos.sabotage.trials import plant_in_trials

        plant_in_trials({int(number): kind for number, kind in trials.items()})
