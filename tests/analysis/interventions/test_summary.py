import csv
from collections.abc import Callable
from typing import Any

import pytest

from failmap.analysis.interventions.comparisons import rescue_comparisons
from failmap.analysis.interventions.summary import ablation_lines, rescue_csv, rescue_lines
from failmap.analysis.load import Run, load_run

MakeRun = Callable[..., Any]
TryOut = Callable[..., None]


def test_rescue_lists_cells_then_edges(rescued_run: Run) -> None:
    lines = rescue_lines(rescued_run)
    headings = [line for line in lines if line.endswith(":")]
    assert headings[:2] == [f"sequence length {length}, depth 2, the default recipe:" for length in (20, 50)]
    first, second = (line for line in lines if line.startswith("  vanishing_in_depth ("))
    assert "is confirmed: works: layer norm" in first
    assert "is suspected: does not work: layer norm" in second
    assert lines[2:5] == [
        "  fix                before  after   P(learn) after  p       verdict",
        "  layer norm         0 of 5  5 of 5  0.57 to 1.00    0.0625  works",
        "  gradient clipping  0 of 5  0 of 5  0.00 to 0.43    1       does not work",
    ]
    (edge,) = (line for line in lines if line.startswith("  layer norm: at depth 2"))
    assert "up to sequence length 20 instead of 5" in edge
    assert lines[-1].startswith("4 changes compared")
    assert "p=0.0625" in lines[-1]


def test_many_comparisons_have_small_p_by_chance(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FFFFFF")
    for name in ("clip", "warmup", "lower_rate", "orthogonal"):
        try_out(run, "FFFFFF", name=name, cause="exploding_gradient")
    caution = rescue_lines(load_run(run.folder))[-1]
    assert caution.startswith("4 changes compared")
    assert "0.2 of them have p<0.05" in caution


def test_best_fix_is_first_and_control_explains(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FFFF")
    try_out(run, "FFLF", name="mixed_lengths", cause="no_signal")
    try_out(run, "LLLL", name="every_step_labels", cause="no_signal")
    _, suspected, control, _, first, second, *_ = rescue_lines(load_run(run.folder))
    assert "is suspected: whether a fix against it works is open" in suspected
    assert "the capacity suffices" in control
    assert "a label at every step" in first
    assert "mixed lengths" in second


def test_left_out_trials_are_reported(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FFFFF")
    try_out(run, "LLC.E", name="clip", changes={"train.clip_norm": 1.0}, cause="exploding_gradient")
    text = "\n".join(rescue_lines(load_run(run.folder)))
    assert "0 of 3" in text
    assert "2 of 3 (1 censored), 1 not ended, 1 errored" in text


def test_ablation_lists_what_was_needed(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "LLLLL")
    taken = {"kind": "ablation", "base": 0}
    try_out(run, "FFFFF", name="no gradient clipping", changes={"train.clip_norm": None}, **taken)
    try_out(run, "LLLLL", name="half the width", changes={"model.hidden_size": 16}, **taken)
    try_out(run, "LLLFF", name="one layer less", changes={"model.depth": 1}, **taken)
    heading, *table, _, _, caution = ablation_lines(load_run(run.folder), 0)
    assert heading.startswith("Trial 0, sequence length 5, depth 1, ")
    assert table == [
        "  changed to            before  after   P(learn) after  p       verdict",
        "  no gradient clipping  5 of 5  0 of 5  0.00 to 0.43    0.0625  fails",
        "  half the width        5 of 5  5 of 5  0.57 to 1.00    1       still learns",
        "  one layer less        5 of 5  3 of 5  0.23 to 0.88    0.5     open",
    ]
    assert "p=0.0625" in caution


def test_no_lines_without_interventions(make_run: MakeRun, try_out: TryOut) -> None:
    run = make_run()
    try_out(run, "FF")
    loaded = load_run(run.folder)
    assert rescue_lines(loaded) == ablation_lines(loaded, 0) == []


def test_csv_has_one_row_per_fix(rescued_run: Run) -> None:
    rows = list(csv.DictReader(rescue_csv(rescued_run, rescue_comparisons(rescued_run)).splitlines()))
    assert len(rows) == 4
    first = rows[0]
    assert float(first.pop("low_after")) == pytest.approx(0.566, abs=1e-3)
    assert float(first.pop("high_before")) == pytest.approx(0.434, abs=1e-3)
    assert float(first.pop("p_value")) == pytest.approx(0.0625)
    assert first == {
        "task.sequence_length": "20",
        "model.depth": "2",
        "recipe_index": "0",
        "cause": "vanishing_in_depth",
        "status": "confirmed",
        "fix": "layer_norm",
        "on_top_of": "",
        "changes": "model.layer_norm=true",
        "learned_before": "0",
        "trials_before": "5",
        "low_before": "0.0",
        "learned_after": "5",
        "trials_after": "5",
        "high_after": "1.0",
        "gained": "5",
        "lost": "0",
        "num_unfinished": "0",
        "num_errored": "0",
        "verdict": "works",
    }
    assert [row["verdict"] for row in rows[1:]] == ["does not work"] * 3
