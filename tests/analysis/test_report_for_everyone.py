"""The report in Chromium, whoever reads it: by keyboard, on a phone, on paper, and loaded again."""

from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from failmap.analysis.reporting import build
from failmap.run_folder.records import Intervention
from tests.analysis.conftest import open_report

pytestmark = pytest.mark.browser


def test_the_map_is_one_stop_of_the_tab_key(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run(lengths=(5, 10, 20), depths=(1, 2))
    for length in (5, 20):
        for _ in range(2):
            run.trial("failed", length, 1, history=history("failed"))
    open_report(browser_page, run)
    grid = browser_page.get_by_role("grid")
    assert grid.locator("button.cell[tabindex='0']").count() == 1
    focused = "document.activeElement.querySelector('.unseen').textContent"
    grid.locator("button.cell[tabindex='0']").focus()
    # Depth 2 stands above depth 1.
    for keys, place in (
        (["Control+End"], "sequence length 20, depth 1:"),
        (["ArrowUp", "ArrowLeft"], "sequence length 10, depth 2:"),
        (["Home", "ArrowUp"], "sequence length 5, depth 2:"),
        (["End", "ArrowDown"], "sequence length 20, depth 1:"),
    ):
        for key in keys:
            browser_page.keyboard.press(key)
        assert browser_page.evaluate(focused) == place
    assert "0 of 2" in browser_page.locator("#pointed").text_content()
    assert grid.locator("button.cell[tabindex='0']").count() == 1
    browser_page.keyboard.press("Enter")
    assert browser_page.locator("#detail-title").text_content() == "sequence length 20, depth 1"
    browser_page.get_by_role("button", name="show the gradients of trial 3").press("Enter")
    assert "trial 3," in browser_page.locator("figure.chart figcaption").nth(2).text_content()
    assert browser_page.evaluate("document.activeElement.textContent") == "3"
    browser_page.keyboard.press("Escape")
    assert browser_page.evaluate(focused) == "sequence length 20, depth 1:"


def test_address_returns_to_a_trial(browser_page: Any, make_run: Any, history: Any) -> None:
    run = make_run()
    for _ in range(2):
        run.trial("failed", 20, 2, history=history("failed"))
    open_report(browser_page, run)
    browser_page.get_by_role("button", name="show the gradients of trial 1").click()
    address = browser_page.evaluate("location.hash")
    browser_page.locator("button.cell").first.click()
    assert browser_page.evaluate("location.hash") != address
    browser_page.evaluate(f"location.hash = '{address}'")
    browser_page.locator("#detail-title", has_text="20").wait_for()
    assert browser_page.locator("#trials tr.chosen td").first.text_content() == "1"


def test_a_page_that_loads_itself_again_keeps_what_was_open(
    browser_page: Any, make_run: Any, history: Any
) -> None:
    run = make_run(lengths=(5, 10, 20), depths=(1, 2))
    settings = {"train": {"max_updates": 1000, "evaluate_every": 500}}
    for length in (5, 20):
        for updates in (500, 1000):
            run.trial("learned", length, 1, updates=updates, config=settings, history=history("learned"))
    browser_page.set_viewport_size({"width": 800, "height": 600})
    open_report(browser_page, run)
    run.trial("failed", 20, 2, updates=1000, config=settings)
    browser_page.locator("button.cell[title^='sequence length 20, depth 1']").press("Enter")
    browser_page.get_by_role("button", name="show the gradients of trial 3").click()
    browser_page.get_by_label("P(learn) within").press("Home")
    browser_page.locator("summary", has_text="config.yaml").click()
    browser_page.evaluate("scrollTo(0, 300)")
    build(run.folder)
    # As a page does that was written with `refresh`, but at a time that the test knows.
    meta = (
        "Object.assign(document.createElement('meta'), {httpEquiv: 'refresh', content: '0;url=index.html'})"
    )
    browser_page.evaluate(f"document.head.append({meta})")
    browser_page.locator("button.cell", has_text="0/1").wait_for()
    browser_page.wait_for_load_state("load")
    assert browser_page.locator("#detail-title").text_content() == "sequence length 20, depth 1"
    assert browser_page.locator("#trials tr.chosen td").first.text_content() == "3"
    assert browser_page.get_by_label("P(learn) within").input_value() == "0"
    assert "within 500 updates" in browser_page.locator("#criterion").text_content()
    assert browser_page.locator("details", has_text="config.yaml").first.evaluate("one => one.open")
    assert browser_page.evaluate("scrollY") == 300


def test_commands_are_copied_and_files_are_linked(browser_page: Any, make_run: Any) -> None:
    run = make_run()
    run.trials(0, 6)
    browser_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_report(browser_page, run)
    button = browser_page.locator("#fixes button.copy")
    button.click()
    browser_page.locator("#fixes button.copy", has_text="copied").wait_for()
    command = browser_page.locator("#fixes code").text_content()
    assert browser_page.evaluate("navigator.clipboard.readText()") == command
    for link in browser_page.locator("#beside a").all():
        assert (run.folder.report / link.get_attribute("href")).exists()
    assert browser_page.locator("#beside a").count() >= 3


def test_colours_are_printed(browser_page: Any, make_run: Any) -> None:
    run = make_run()
    run.trials(0, 6)
    browser_page.emulate_media(media="print", color_scheme="dark")
    open_report(browser_page, run)
    style = (
        "cell => { const own = getComputedStyle(cell); return [own.printColorAdjust, own.backgroundColor] }"
    )
    adjust, colour = browser_page.locator("button.cell.fails").first.evaluate(style)
    assert adjust == "exact"
    assert colour != "rgba(0, 0, 0, 0)"
    ink = browser_page.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(29, 36, 48)", "dark ink on paper, whatever the screen shows"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["whole", "empty", "errored", "censored"])
def test_axe_finds_nothing(browser_page: Any, make_run: Any, history: Any, kind: str, scheme: str) -> None:
    run = make_run(lengths=(5, 20, 80), depths=(1, 2), facets=(8, 16))
    if kind == "whole":
        nonfinite = {"tensor": "layers.0", "update": 12}
        run.trials(6, 0, 5, 1, 8)
        run.trials(2, 3, 20, 1, 8, history=history("failed"), first_nonfinite=nonfinite)
        run.trials(0, 6, 80, 2, 8)
        layer_norm = Intervention("rescue", "layer_norm", {"model.layer_norm": True}, 0, "vanishing_in_depth")
        run.trial("learned", 80, 2, 8, seed=20, intervention=layer_norm)
    elif kind != "empty":
        run.trial(kind, 20, 2, 8)
    browser_page.emulate_media(color_scheme=scheme)
    open_report(browser_page, run)
    found = Axe().run(browser_page).response["violations"]
    assert {one["id"]: one["nodes"][0]["html"] for one in found} == {}


def test_hostile_names_stay_text(browser_page: Any, make_run: Any, history: Any) -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    run = make_run(question=hostile, lengths=(hostile, 5))
    told = [replace(one, signals={"gradient_norm_by_layer": {hostile: 1.0}}) for one in history("failed")]
    run.trial("failed", hostile, 1, reason=hostile, recipe={hostile: hostile}, history=told)
    open_report(browser_page, run)
    browser_page.locator("button.cell").filter(has_text="0/1").click()
    assert hostile in browser_page.locator("#detail-title").text_content()
    assert hostile in browser_page.locator("#trials tbody").text_content()
    assert hostile in browser_page.locator("#charts .key").nth(2).text_content()
    assert browser_page.locator("img").count() == 0


@pytest.mark.parametrize("width", [360, 400, 1280, 2500])
def test_page_fits_its_window(browser_page: Any, make_run: Any, width: int) -> None:
    run = make_run(lengths=range(10))
    run.trials(0, 4, first_nonfinite={"tensor": "a_tensor_with_a_long_name_" * 8, "update": 1})
    browser_page.set_viewport_size({"width": width, "height": 800})
    open_report(browser_page, run)
    browser_page.locator("button.cell").filter(has_text="diverged").click()
    browser_page.locator("td.cause summary").first.click()
    assert browser_page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_map_of_six_columns_fits_a_phone(browser_page: Any, make_run: Any) -> None:
    run = make_run(lengths=(5, 10, 20, 50, 100, 200))
    run.trials(0, 6)
    browser_page.set_viewport_size({"width": 390, "height": 800})
    open_report(browser_page, run)
    widths = "panel => [panel.scrollWidth, panel.clientWidth]"
    scrolled, shown = browser_page.locator(".panel").first.evaluate(widths)
    assert scrolled <= shown
