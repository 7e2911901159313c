"""The map within fewer updates, for the page's slider."""

from collections.abc import Callable
from typing import Any

from failmap.analysis.load import Run
from failmap.analysis.map.failure_map import FailureMap, build_map, counts_line
from failmap.analysis.map.updates import run_within, update_steps


def maps_by_updates(
    run: Run, failure_map: FailureMap, drawn: Callable[[FailureMap], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Return what the page shows of the map within each budget of updates, the run's own last.

    Nothing if there is only one budget to look at, or if no trial has ended.

    Args:
        run: The run.
        failure_map: Its map.
        drawn: Returns the parts of each cell of a map, in its order.
    """
    steps = update_steps(run)
    if len(steps) < 2 or not any(record.summary for record in run.cell_records):
        return []
    maps = [(updates, build_map(run_within(run, updates))) for updates in steps[:-1]]
    return [
        {
            "updates": updates,
            "criterion": shown.title.criterion,
            "counts": counts_line(shown),
            "outcomes": shown.outcomes,
            "cells": drawn(shown),
        }
        for updates, shown in [*maps, (steps[-1], failure_map)]
    ]
