"""Text from others is shown as text in pages, tables and pictures, in files that are private."""

import csv
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from failmap.analysis.reporting import build
from failmap.analysis.table import safe_cell
from failmap.run_folder.paths import RunFolder

CHROMIUM = Path("/usr/bin/chromium")
SCRIPT = "</script><img src=x onerror=alert(1)>\" onfocus=alert(2) x=\"'-alert(3)-'{{7*7}}"
HOSTILE = {
    "script": SCRIPT,
    "formula": "=cmd|' /C'!A0",
    "escape": "\x1b]0;owned\x07",
    "bidi": "\u202etxt.exe",
    "mathtext": r"$\frac{$ \$ ^_",
    "markup": "[red]x[/red]",
}


@pytest.fixture(params=HOSTILE)
def hostile_run(run: RunFolder, request: pytest.FixtureRequest) -> RunFolder:
    """A run with hostile text in all free-text fields of records, history and provenance."""
    for path in Path(str(run.path)).rglob("*.json*"):
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        replaced = (with_text(json.loads(line), HOSTILE[request.param]) for line in lines)
        path.write_text("".join(f"{json.dumps(value)}\n" for value in replaced))
    return run


def with_text(value: Any, hostile: str, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: with_text(inner, hostile, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_text(inner, hostile, key) for inner in value]
    return hostile if key in ("reason", "host", "told", "level_told", "gradient_missing") else value


def test_report_of_hostile_texts(hostile_run: RunFolder) -> None:
    page = build(hostile_run).page.read_text()
    assert "<img" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    for path in hostile_run.report.glob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text())):
            assert not [cell for cell in row if cell.startswith(("=", "@"))]
    assert len(pd.read_parquet(hostile_run.table)) == 4


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("+a", "'+a"),
        ("-0.5", "-0.5"),
        ("+1e-3", "+1e-3"),
        ("a=b", "a=b"),
        (-1, -1),
    ],
)
def test_spreadsheet_formulas_are_quoted(cell: object, shown: object) -> None:
    assert safe_cell(cell) == shown


def test_report_is_private(run: RunFolder) -> None:
    before = os.umask(0o022)
    try:
        build(run)
    finally:
        os.umask(before)
    written = [run.report, *run.report.iterdir(), run.table, run.causes]
    assert [path.name for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of Chromium that records messages, dialogs, errors and requests in `page.troubles`."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        page.troubles = []
        for event in ("console", "pageerror", "dialog", "request"):
            page.on(event, lambda what, event=event: page.troubles.append((event, describe(what))))
        yield page
        browser.close()


def describe(what: Any) -> str:
    return what.url if hasattr(what, "url") else str(what)


@pytest.mark.browser
@pytest.mark.parametrize("hostile_run", ["script"], indirect=True)
def test_page_runs_no_injected_script_and_makes_no_requests(page: Any, hostile_run: RunFolder) -> None:
    report = build(hostile_run).page.as_uri()
    page.goto(report)
    page.locator("button.cell").filter(has_text="/").first.click()
    assert "onerror" in page.locator("#trials").text_content()
    assert page.locator("img").count() == 0
    assert page.troubles == [("request", report)]
