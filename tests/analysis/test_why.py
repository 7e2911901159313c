from typing import Any

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map, cause_counts, cause_label, why_line

NONFINITE = {"tensor": "readout.bias", "update": 12}


def test_causes_are_counted_per_cell(make_run: Any) -> None:
    run = make_run()
    run.trials(0, 6, 5, 1, first_nonfinite=NONFINITE)
    run.trials(1, 3, 20, 1, first_nonfinite=NONFINITE)
    run.trials(0, 6, 20, 2)
    run.trials(7, 1, 5, 2, first_nonfinite=NONFINITE)
    failure_map = build_map(load_run(run.folder))
    assert cause_counts(failure_map) == {"diverged": 2, "unknown": 1}, "a cell that learns has no cause"
    assert why_line(failure_map) == "why: 2 cells diverged, 1 cause unknown"


def test_no_line_without_failures(make_run: Any) -> None:
    run = make_run()
    run.trials(6, 0)
    assert why_line(build_map(load_run(run.folder))) == ""


def test_cause_labels() -> None:
    assert cause_label("vanishing_in_time") == "vanishing in time"
    assert cause_label("unknown") == "cause unknown"
