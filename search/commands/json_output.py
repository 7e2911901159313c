"""The JSON that `run plan=true --json` and `report --json` print (docs/json.md)."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from failmap.analysis.load import CellKey, Run
from failmap.analysis.map.audit import Audit
from failmap.analysis.map.edge import edge_rows
from failmap.analysis.map.failure_map import FailureMap, MapCell
from failmap.analysis.map.futility import Futility
from failmap.analysis.reporting import Report
from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import store_of
from failmap.run_folder.wording import label_text
from failmap.search.config import RunConfig
from failmap.search.cost import machine_factor
from failmap.search.plan import Trial, make_plan

#: Incremented when a key changes its meaning or disappears; keys may be added at any time.
SCHEMA = 1


def print_plan(config: RunConfig, trials: Sequence[Trial] = (), factor: float | None = None) -> None:
    """Print the plan of a run.

    Args:
        config: The run's.
        trials: Those that the run has already.
        factor: Seconds that this machine takes for a nominal core-second; None to train for a second and
            measure it.
    """
    if config.space.objectives:
        raise UserError("--json: the plan of goal=best is printed as text alone: leave --json out")
    if config.space.is_own:
        raise UserError("--json: what trials of an own training function cost is not known before they run")
    plan = make_plan(config, machine_factor() if factor is None else factor, trials)
    space, budget = config.space, config.budget
    positions = {cell: position for position, cell in enumerate(plan.order)}
    roles = {path: role for role, path in space.map_roles.items()}
    default_seconds = plan.total_seconds * budget.seeds / plan.num_slots
    printed = {
        "schema": SCHEMA,
        "run": config.run,
        "question": space.question,
        "axes": [
            {"role": roles.get(axis.path, "recipe"), **axis.model_dump(mode="json", exclude_none=True)}
            for axis in space.axes
        ],
        "budget": budget.model_dump(mode="json"),
        "num_slots": plan.num_slots,
        "num_recipes": plan.num_recipes,
        "num_cells": len(plan.seconds),
        "num_reached": len(plan.order),
        "num_covered": plan.num_covered,
        "default_recipe_seconds": default_seconds,
        "all_recipes_seconds": default_seconds * plan.num_recipes,
        "num_trials_left": plan.remaining.num_trials,
        "num_decided": plan.remaining.num_decided,
        "num_inferred": plan.remaining.num_inferred,
        "num_edge": plan.remaining.num_edge,
        "cells": [
            {
                "labels": cell.as_dict(),
                "seconds_per_trial": seconds,
                "position": positions.get(cell),
                "is_covered": positions.get(cell, math.inf) < plan.num_covered,
            }
            for cell, seconds in plan.seconds.items()
        ],
    }
    _print(printed)


def print_report(report: Report) -> None:
    """Print the failure map of a run, and the files of its report."""
    run, failure_map = report.run, report.failure_map
    names = ("index.html", "failure_map.png", "trials.csv", "cells.csv", "edge.csv", "rescue.csv")
    files = [run.folder.table, *(run.folder.report / name for name in names)]
    roles = ("x", "y", "facet")
    printed = {
        "schema": SCHEMA,
        "run": run.folder.name,
        "title": asdict(failure_map.title),
        "axes": [
            {"role": role, "path": path, "labels": [_label(run, path, text) for text in labels]}
            for role, path, labels in zip(roles, failure_map.paths, failure_map.labels, strict=False)
        ],
        "states": failure_map.states,
        "inferred": failure_map.inferred,
        "edge": [] if failure_map.edge is None else list(edge_rows(failure_map.edge)),
        "audit": None if failure_map.audit is None else _with_interval(failure_map.audit),
        "futility": None if failure_map.futility is None else _with_interval(failure_map.futility),
        "continued": None if failure_map.continued is None else asdict(failure_map.continued),
        "outcomes": failure_map.outcomes,
        "cells": [_cell(run, failure_map, key, cell) for key, cell in failure_map.cells.items()],
        "files": [str(path) for path in files if store_of(path).exists(path)],
    }
    _print(printed)


def _with_interval(tested: Audit | Futility) -> dict[str, Any]:
    return {**asdict(tested), "interval": list(tested.interval)}


def _cell(run: Run, failure_map: FailureMap, key: CellKey, cell: MapCell) -> dict[str, Any]:
    verdict, tally, diagnosis = cell.verdict, cell.verdict.tally, cell.diagnosis
    evidence = () if diagnosis is None else diagnosis.evidence
    return {
        "labels": {path: _label(run, path, text) for path, text in zip(failure_map.paths, key, strict=True)},
        "state": verdict.state,
        "basis": verdict.basis,
        "belief": None if verdict.belief is None else asdict(verdict.belief),
        "nearest_evidence": [
            {path: _label(run, path, text) for path, text in zip(failure_map.paths, near, strict=True)}
            for near in cell.nearest
        ],
        "reason": verdict.reason,
        "is_in_another_shard": cell.is_elsewhere,
        "learned": tally.learned,
        "trials": tally.trials,
        "censored": tally.censored,
        "errored": verdict.num_errored,
        "interval": list(verdict.interval),
        "updates_to_learn": cell.updates_to_learn,
        "recipe_index": verdict.best_recipe,
        "recipe": cell.recipe,
        "cost_seconds": cell.cost_seconds,
        "cause": None if diagnosis is None else diagnosis.cause,
        "cause_share": None if diagnosis is None else diagnosis.num_trials / diagnosis.num_failed,
        "confidence": None if diagnosis is None else diagnosis.confidence,
        "evidence": [
            {"text": one.told, "values": one.values, "layer": one.layer, "update": one.update}
            for one in evidence
        ],
        "trial_numbers": list(cell.numbers),
        "intervention_numbers": list(cell.interventions),
    }


def _label(run: Run, path: str, text: str) -> Any:
    """Return a label as the configuration has it; as text if only trials have it."""
    return next((value for value in run.config.map_values[path] if label_text(value) == text), text)


def _print(value: Mapping[str, Any]) -> None:
    print(json.dumps(_finite(value), indent=2, allow_nan=False))


def _finite(value: Any) -> Any:
    """Return the value with None for each number that is not finite, which JSON cannot express."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
