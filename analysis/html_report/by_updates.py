"""The map within fewer updates, or more, for the page's slider."""

from collections.abc import Callable
from typing import Any

from failmap.analysis.load import Run
from failmap.analysis.map.failure_map import FailureMap, build_map, counts_line
from failmap.analysis.map.updates import own_budget, run_within, update_steps


def maps_by_updates(
    run: Run, failure_map: FailureMap, drawn: Callable[[FailureMap], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Return what the page shows of the map within each budget of updates.

    Nothing if there is only one budget to look at, or if no trial has ended.

    Args:
        run: The run.
        failure_map: Its map.
        drawn: Returns the parts of each cell of a map, in its order.
    """
    steps = update_steps(run)
    if len(steps) < 2 or not any(record.summary for record in run.cell_records):
        return []
    budget = own_budget(run)
    maps = [
        (updates, failure_map if updates == budget else build_map(run_within(run, updates)))
        for updates in steps
    ]
    return [
        {
            "updates": updates,
            "is_own": updates == budget,
            "criterion": shown.title.criterion,
            "counts": counts_line(shown),
            "outcomes": shown.outcomes,
            "cells": drawn(shown),
        }
        for updates, shown in maps
    ]
