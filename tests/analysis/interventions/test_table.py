"""rescue.csv."""

import csv
from collections.abc import Callable
from typing import Any

import pytest

from failmap.analysis.interventions import rescue_comparisons, rescue_csv
from failmap.analysis.load import Run, load_run


def test_every_fix_is_a_row_with_its_numbers(rescued_run: Run) -> None:
    rows = list(csv.DictReader(rescue_csv(rescued_run, rescue_comparisons(rescued_run)).splitlines()))
    assert len(rows) == 4
    first = rows[0]
    assert float(first.pop("low_after")) == pytest.approx(0.566, abs=1e-3)
    assert float(first.pop("high_before")) == pytest.approx(0.434, abs=1e-3)
    assert first == {
        "task.sequence_length": "20",
        "model.depth": "2",
        "recipe_index": "0",
        "cause": "vanishing_in_depth",
        "status": "confirmed",
        "fix": "layer_norm",
        "changes": "model.layer_norm=true",
        "learned_before": "0",
        "trials_before": "5",
        "low_before": "0.0",
        "learned_after": "5",
        "trials_after": "5",
        "high_after": "1.0",
        "gained": "5",
        "lost": "0",
        "p_value": "0.0625",
        "num_unfinished": "0",
        "num_errored": "0",
        "verdict": "works",
    }
    assert [row["verdict"] for row in rows[1:]] == ["does not work"] * 3


def test_without_a_fix_only_the_columns_are_written(make_run: Callable[..., Any]) -> None:
    run = load_run(make_run().folder)
    assert len(rescue_csv(run, []).splitlines()) == 1
