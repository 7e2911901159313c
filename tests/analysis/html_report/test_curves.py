import math
from dataclasses import replace
from typing import Any

import pytest

from failmap.analysis.html_report.curves import MAX_POINTS, shown_trials, thinned, trial_curves
from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.run_folder.records import Evaluation


def curves(run: Any, number: int = 0) -> dict[str, Any]:
    loaded = load_run(run.folder)
    curve = trial_curves(loaded, loaded.records[number])
    assert curve is not None
    return curve


@pytest.mark.parametrize("count", [1, 2, MAX_POINTS, MAX_POINTS + 1, 1000])
def test_thinning_keeps_order_and_ends(history: Any, count: int) -> None:
    full = history("failed", count=count)
    kept = thinned(full, MAX_POINTS)
    updates = [one.update for one in kept]
    assert len(kept) == min(count, MAX_POINTS)
    assert updates == sorted(set(updates))
    assert (kept[0], kept[-1]) == (full[0], full[-1])


def test_inner_signals_have_their_own_updates(make_run: Any, history: Any) -> None:
    run = make_run()
    measured = [
        replace(one, signals={"gate_mean_by_layer": {"layers.0": {"forget": 0.5, "input": None}}})
        if index % 2
        else replace(one, signals={"label_signal": 0.123456, "label_agreement": None})
        for index, one in enumerate(history("failed", count=200))
    ]
    run.trial("failed", history=measured)
    shown = curves(run)
    gates = shown["inside"]["gates"]
    assert list(shown["inside"]) == ["gates"]
    assert (len(gates["update"]), gates["update"][0], gates["update"][-1]) == (15, 100, 10_000)
    assert gates["values"] == {"layers.0.forget": [0.5] * 15, "layers.0.input": [None] * 15}
    assert shown["labels"]["values"]["label_signal"] == [0.1235] * 15
    assert shown["labels"]["values"]["label_agreement"] == [None] * 15


def test_curves_have_one_value_per_evaluation(make_run: Any, history: Any) -> None:
    run = make_run()
    run.trial("learned", history=history("learned", depth=2, count=5))
    curve = curves(run)
    assert curve["update"] == [50, 100, 150, 200, 250]
    assert list(curve["by_layer"]) == ["layers.0", "layers.1", "readout"]
    assert [one["update"] for one in curve["by_step"]] == [50, 150, 250]
    assert curve["by_step"][0]["step"] == list(range(10))


def test_missing_values_are_gaps(make_run: Any) -> None:
    run = make_run()
    partly = {"gradient_norm_by_layer": {"layers.0": None}, "gradient_norm_by_step": [None, 1.0]}
    steps = [Evaluation(50, 0.1, None, None, None, -1.0), Evaluation(100, 0.2, 1.0, 1.0, 1.0, 0.0, partly)]
    run.trial("failed", history=steps)
    curve = curves(run)
    assert curve["train_loss"] == [None, 1.0]
    assert curve["by_layer"] == {"layers.0": [None, None]}
    assert curve["by_step"] == [{"update": 100, "step": [0, 1], "norm": [None, 1.0]}]


def test_levels_have_the_units_of_their_chart(make_run: Any, history: Any) -> None:
    run = make_run()
    mse = {"activation": "none", "target_range": "task", "loss": "mse"}
    levels = {"chance_loss": 0.4, "loss_floor": 0.1}
    for output in (mse, {**mse, "loss": "huber"}, {**mse, "target_range": "zero_one"}):
        run.trial("learned", history=history("learned"), config={"output": output}, **levels)
    for number in range(3):
        curve = curves(run, number)
        assert {name: curve[name] for name in levels} == levels
        assert curve["chance_error"] == pytest.approx(1 / 6, rel=1e-3)
        assert curve["target_error"] == pytest.approx(0.05 / 6, rel=1e-3)
        assert curve["target_score"] == 0.95
    criteria = [curves(run, number)["target_loss"] for number in range(3)]
    assert criteria == [pytest.approx(0.05 / 6, rel=1e-3), None, None]


def test_unbounded_loss_has_no_floor(make_run: Any, history: Any) -> None:
    run = make_run()
    run.trial("failed", history=history("failed"), loss_floor=-math.inf)
    assert curves(run)["loss_floor"] is None


def test_compared_losses_are_included_if_recorded(make_run: Any, history: Any) -> None:
    run = make_run()
    measured = [replace(one, signals={"losses": {"mean_squared_error": 0.2}}) for one in history("failed")]
    run.trial("failed", history=measured)
    run.trial("failed", history=history("failed"))
    assert curves(run, 0)["compared"] == {"mean_squared_error": [0.2] * 30}
    assert curves(run, 1)["compared"] == {}


def test_every_cell_shows_some_trials(make_run: Any) -> None:
    run = make_run()
    for length, depth in ((5, 1), (20, 1), (5, 2)):
        run.trials(3, 0, length, depth)
    shown = shown_trials(build_map(load_run(run.folder)), limit=4)
    assert len(shown) == 4
    assert {number // 3 for number in shown} == {0, 1, 2}
