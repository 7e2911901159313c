from dataclasses import replace
from typing import Any

import pytest

from failmap.run_folder.records import Intervention
from tests.analysis.conftest import open_report

pytestmark = pytest.mark.browser


def test_click_on_a_cell_shows_curves(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run()
    for outcome in ("learned", "learned", "failed", None):
        run.trial(outcome, 20, 2, history=history(outcome))
    open_report(browser_page, run)
    browser_page.get_by_role("button", name="sequence length 20, depth 2:").click()
    assert browser_page.locator("#detail-title").text_content() == "sequence length 20, depth 2"
    charts = browser_page.locator("figure.chart")
    titles = [title.split(" trial")[0] for title in charts.locator("figcaption").all_text_contents()]
    assert titles == [
        "Loss train and validation",
        "Score 0 at chance, 1 perfect",
        "Gradient norm by layer",
        "Gradient norm by time step",
    ]
    assert charts.nth(0).locator("path.curve").count() == 8, "train and validation of four trials"
    assert charts.nth(0).locator("text.level-name").all_text_contents() == ["chance", "criterion"]
    assert charts.nth(1).locator("path.curve").count() == 4
    assert charts.nth(2).locator("path.curve").count() == 3, "two layers and the readout"
    assert charts.nth(3).locator("path.curve").count() == 3, "first, middle and last evaluation"
    rows = browser_page.locator("#trials tbody tr")
    assert [row.locator("td").nth(2).text_content() for row in rows.all()] == [
        "learned", "learned", "failed", "censored",
    ]  # fmt: skip


def test_slider_shows_the_map_within_fewer_updates(browser_page: Any, make_run: Any) -> None:
    run = make_run()
    settings = {"train": {"max_updates": 1000, "evaluate_every": 50}}
    for updates in (200, 400, 400, 400, 900, 900):
        run.trial("learned", 5, 1, updates=updates, config=settings)
    run.trial("failed", 20, 2, updates=1000, config=settings)
    open_report(browser_page, run)
    slider = browser_page.get_by_label("P(learn) within")
    (cell,) = [one for one in browser_page.locator("button.cell").all() if "6/6" in one.text_content()]
    whole = browser_page.locator("main").inner_html()
    slider.focus()
    browser_page.keyboard.press("Home")
    for _ in range(7):
        browser_page.keyboard.press("ArrowRight")
    assert browser_page.locator("#updates-shown").text_content() == "400 updates"
    assert "within 400 updates" in browser_page.locator("#criterion").text_content()
    assert cell.locator("b").text_content() == "4/6"
    assert "4 learned" in browser_page.locator(".outcome.learned").text_content()
    browser_page.keyboard.press("End")
    assert cell.locator("b").text_content() == "6/6"
    assert browser_page.locator("main").inner_html().split() == whole.split()


def test_page_opens_with_the_cell_that_tells_most(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run(lengths=(5, 20, 80), depths=(1,))
    run.trials(6, 0, 5, 1)
    run.trials(2, 2, 20, 1, history=history("failed"))
    run.trials(0, 6, 80, 1)
    open_report(browser_page, run)
    assert browser_page.locator("#detail-title").text_content() == "sequence length 20, depth 1"
    assert browser_page.locator("figure.chart path.curve").count() > 0


def test_numbers_behind_a_curve(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run()
    told = [replace(one, score=one.update / 2000) for one in history("failed")]
    run.trial("failed", 20, 2, history=told)
    open_report(browser_page, run)
    chart = browser_page.locator("figure.chart").nth(1)
    chart.locator("summary").click()
    chart.locator("tbody tr").first.wait_for()
    rows = [row.locator("th, td").all_text_contents() for row in chart.locator("tbody tr").all()]
    assert rows[0] == ["50", "0.025"]
    assert rows[-1] == ["1,500", "0.75"]
    box = chart.locator("svg").bounding_box()
    browser_page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 20)
    chart.locator(".read-out", has_text="0.75 (updates 1,500)").wait_for()


def test_trials_that_broke_are_named(browser_page: Any, make_run: Any) -> None:
    run = make_run()
    for _ in range(53):
        run.trial("errored", 20, 2, reason="RuntimeError: <b>no</b>")
    open_report(browser_page, run)
    assert browser_page.locator("#errored li").count() == 50
    assert "And 3 more" in browser_page.locator("#errored").text_content()
    assert "RuntimeError: <b>no</b>" in browser_page.locator("#errored li").first.text_content()
    browser_page.locator("#errored button").first.click()
    assert browser_page.locator("#detail-title").text_content() == "sequence length 20, depth 2"


def test_curves_without_finite_values(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run()
    lost = [replace(one, train_loss=None, validation_loss=None, signals={}) for one in history("failed")]
    run.trial("failed", history=lost)
    run.trial("failed")
    open_report(browser_page, run)
    browser_page.locator("button.cell").filter(has_text="0/2").click()
    assert "No finite loss was recorded." in browser_page.locator("#charts").text_content()
    assert browser_page.locator("#detail-left-out").text_content().endswith("trials 1.")


def test_choice_of_loss(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run()
    huber = {"activation": "tanh", "target_range": "task", "loss": "huber"}
    compared = {"mean_squared_error": 0.2, "cross_entropy": 0.6}
    told = [replace(one, signals={"losses": compared}) for one in history("failed")]
    for _ in range(2):
        run.trial("failed", history=told, config={"output": huber}, chance_loss=0.3, loss_floor=0.1)
    open_report(browser_page, run)
    browser_page.locator("button.cell").filter(has_text="0/2").click()
    chart = browser_page.locator("figure.chart").first
    assert chart.locator("path.curve").count() == 4
    assert chart.locator("text.level-name").all_text_contents() == [
        "chance",
        "least that the output can reach",
    ]
    chart.locator("select").select_option("mean squared error")
    assert chart.locator("path.curve").count() == 2
    assert chart.locator("text.level-name").all_text_contents() == ["chance", "criterion"]
    browser_page.get_by_role("button", name="show the gradients of trial 1").click()
    assert chart.locator("select").input_value() == "mean_squared_error", "the choice stays"


def test_negative_loss_is_drawn(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run()
    told = [replace(one, validation_loss=-float(one.update)) for one in history("failed")]
    run.trial("failed", history=told)
    open_report(browser_page, run)
    browser_page.locator("button.cell").filter(has_text="0/1").click()
    assert browser_page.locator("figure.chart").first.locator("path.curve").count() == 2


def test_axis_ticks(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run()
    signals = {"gradient_norm_by_step": [1e-3, 2e-3, 3e-3], "gradient_steps": [0, 1, 2]}
    told = [replace(one, train_loss=0.7, validation_loss=0.69, signals=signals) for one in history("failed")]
    output = {"activation": "sigmoid", "target_range": "task", "loss": "bce_with_logits"}
    run.trial("failed", history=told, config={"output": output}, loss_floor=0.689, chance_loss=0.691)
    open_report(browser_page, run)
    browser_page.locator("button.cell").filter(has_text="0/1").click()
    charts = browser_page.locator("figure.chart svg")
    assert {"0.7", "0.8"} <= set(charts.nth(0).locator("text").all_text_contents())
    chance, floor = (box.bounding_box() for box in charts.nth(0).locator("text.level-name").all())
    assert floor["x"] + floor["width"] < chance["x"], "what lies close together is named apart"
    steps = [text for text in charts.last.locator("text").all_text_contents() if "." not in text]
    assert steps[-4:] == ["0", "1", "2", "time step"], "no tick at half a step"


def test_diagnoses_are_shown(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run()
    hostile = "<img src=x onerror=alert(1)>"
    for _ in range(4):
        nonfinite = {"tensor": hostile, "update": 12}
        run.trial("failed", first_nonfinite=nonfinite, history=history("failed"))
    open_report(browser_page, run)
    browser_page.locator("button.cell").filter(has_text="diverged").click()
    why = browser_page.locator("#detail-why")
    assert why.locator("b").text_content() == "diverged: 4 of 4 failed trials"
    assert hostile in why.locator("li").first.text_content()
    cause = browser_page.locator("#trials tbody tr").nth(2).locator("td.cause")
    assert cause.locator("summary").text_content() == "diverged (100 %)"
    assert not cause.locator("li").first.is_visible()
    cause.locator("summary").click()
    assert cause.locator("li").first.is_visible()
    assert browser_page.locator("img").count() == 0


def test_choice_of_inner_signal(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run()
    signals = {
        "spread_by_layer": {"layers.0": 0.1, "layers.1": 0.01},
        "gate_mean_by_layer": {"layers.0": {"input": 0.5, "forget": 0.6, "output": 0.5}},
        "memory_steps_by_layer": {"layers.0": 2.0},
        "label_signal": 0.0,
    }
    told = [replace(one, signals={**one.signals, **signals}) for one in history("failed")]
    for _ in range(2):
        run.trial("failed", history=told)
    run.trial("failed", history=history("failed"))
    open_report(browser_page, run)
    browser_page.locator("button.cell").filter(has_text="0/3").click()
    chart = browser_page.locator("figure.chart").nth(2)
    choice = chart.locator("select")
    for words, num_curves in (
        ("What is left of the input by layer", 2),
        ("Memory by layer", 1),
        ("What labels carry of the gradient", 1),
        ("Gates", 3),
    ):
        choice.select_option(words)
        assert chart.locator("path.curve").count() == num_curves
    browser_page.get_by_role("button", name="show the gradients of trial 1").click()
    assert "trial 1, mean activation" in chart.locator("figcaption").text_content(), "the choice stays"
    browser_page.get_by_role("button", name="show the gradients of trial 2").click()
    assert choice.count() == 0, "of this trial there is nothing else"
    assert chart.locator("path.curve").count() == 3


def test_fix_table_selects_its_cell(browser_page: Any, make_run: Any) -> None:
    run = make_run()
    layer_norm = Intervention("rescue", "layer_norm", {"model.layer_norm": True}, 0, "vanishing_in_depth")
    for seed in range(4):
        run.trial("failed", seed=seed)
        run.trial("learned", seed=seed, intervention=layer_norm)
    open_report(browser_page, run)
    browser_page.locator("#fixes button").click()
    assert browser_page.locator("#detail-title").text_content() == "sequence length 5, depth 1"
    rows = browser_page.locator("#trials tbody tr")
    purposes = [row.locator("td").nth(8).text_content() for row in rows.all()]
    assert purposes == ["default"] * 4 + ["rescue: layer norm, against vanishing in depth"] * 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edge_lies_between_its_columns(browser_page: Any, make_run: Any, scheme: Any) -> None:
    run = make_run(lengths=(5, 20, 80), depths=(1,))
    run.trials(6, 0, 5, 1)
    run.trials(0, 6, 80, 1)
    browser_page.emulate_media(color_scheme=scheme)
    open_report(browser_page, run)
    line, band = (browser_page.locator(f".edge-{part}") for part in ("line", "band"))
    boxes = [box.bounding_box() for box in browser_page.locator("button.cell").all()]
    middles = [box["x"] + box["width"] / 2 for box in boxes]
    assert line.count() == 1
    at = line.bounding_box()["x"]
    assert middles[0] < at < middles[2]
    bands = [one.bounding_box() for one in band.all()]
    assert bands[0]["x"] < at < bands[-1]["x"] + bands[-1]["width"]
    # A click goes through the line to its cell.
    browser_page.mouse.click(at + 1, boxes[0]["y"] + boxes[0]["height"] / 2)
    assert "depth 1" in browser_page.locator("#detail-title").text_content()


def test_inferred_cell_names_its_evidence(browser_page: Any, make_run: Any) -> None:
    run = make_run(lengths=(5, 10, 20, 80), depths=(1,))
    run.trials(6, 0, 20, 1)
    run.trials(0, 6, 80, 1)
    open_report(browser_page, run)
    striped = browser_page.locator("button.cell.inferred").first
    assert "gradient" in striped.evaluate("cell => getComputedStyle(cell).backgroundImage")
    striped.click()
    told = browser_page.locator("#detail-told").text_content()
    assert told.startswith("inferred: learns")
    assert "sequence length 20, depth 1: 6 of 6" in told
    solid = browser_page.locator("button.cell.fails:not(.inferred)").first
    assert solid.evaluate("cell => getComputedStyle(cell).backgroundImage") == "none"
