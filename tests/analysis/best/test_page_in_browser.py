"""The page in Chromium: it fits a phone, needs nothing else, and shows a recipe in all charts."""

from pathlib import Path
from typing import Any

import pytest

from failmap.analysis.best.leaderboard import leaderboard_of
from failmap.analysis.best.page import render
from tests.analysis.best.conftest import MakeBest, trial

pytestmark = pytest.mark.browser

LONG = "a_name_of_a_setting_that_is_long_" * 5


def test_page_on_a_phone(browser_page: Any, make_best: MakeBest, tmp_path: Path) -> None:
    trials = [
        trial(n, n, [0.1 * n, 10.0**n], recipe={LONG: f"{LONG}{n}", "train.learning_rate": 10.0**-n})
        for n in range(1, 8)
    ]
    trials += [trial(8 + n, 7, [0.5 + 0.1 * n, 1e7], "confirm", recipe=trials[-1].recipe) for n in range(3)]
    axes = [{"path": LONG, "default": LONG}, {"path": "train.learning_rate", "default": 0.1}]
    run = make_best(trials, ["score", "parameters"], axes, f"Is {LONG} a question?")
    page = tmp_path / "index.html"
    page.write_text(render(run, leaderboard_of(run)))
    browser_page.set_viewport_size({"width": 390, "height": 800})
    browser_page.goto(page.as_uri())
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    assert browser_page.evaluate(widths) == [390, 390]
    assert browser_page.locator("#tip").is_hidden()
    browser_page.locator("#search .mark[data-recipe='7']").hover(force=True)
    assert "place 1," in browser_page.locator("#tip").text_content()
    assert browser_page.evaluate(widths) == [390, 390]
    browser_page.mouse.move(1, 1)
    assert browser_page.locator(".mark.lit").count() == 0
    pin = browser_page.get_by_role("button", name="recipe 7,")
    pin.press("Enter")
    assert pin.get_attribute("aria-pressed") == "true"
    assert browser_page.locator(".mark.lit").count() == 3, "the front and two axes"
