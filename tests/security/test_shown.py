"""What others named is shown as text, in pages, tables and pictures, and to their owner alone."""

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

from benchmarks.chaos.loaders import write_run
from failmap.analysis.reporting import build
from failmap.analysis.table import safe_cell
from failmap.run_folder.paths import RunFolder

CHROMIUM = Path("/usr/bin/chromium")
SCRIPT = "</script><img src=x onerror=alert(1)>\" onfocus=alert(2) x=\"'-alert(3)-'{{7*7}}"
HOSTILE = [
    SCRIPT,
    "=cmd|' /C'!A0",
    "\x1b]0;owned\x07",
    "\u202etxt.exe",
    r"$\frac{$ \$ ^_",
    "[red]x[/red]",
]


@pytest.fixture(params=HOSTILE, ids=["script", "formula", "escape", "bidi", "mathtext", "markup"])
def run(tmp_path: Path, request: pytest.FixtureRequest) -> RunFolder:
    """A run in whose records, history and provenance every free text is hostile."""
    write_run(tmp_path / "run")
    for path in (tmp_path / "run").rglob("*.json*"):
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        path.write_text("".join(f"{json.dumps(spoilt(json.loads(line), request.param))}\n" for line in lines))
    return RunFolder(tmp_path / "run")


def spoilt(value: Any, hostile: str, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: spoilt(inner, hostile, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [spoilt(inner, hostile, key) for inner in value]
    return hostile if key in ("reason", "host", "told", "level_told", "gradient_missing") else value


def test_report_of_hostile_texts(run: RunFolder) -> None:
    page = build(run).page.read_text()
    assert "<img" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    for path in run.report.glob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text())):
            assert not [cell for cell in row if cell.startswith(("=", "@"))]
    assert len(pd.read_parquet(run.table)) == 4


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
def test_formulas_are_quoted(cell: object, shown: object) -> None:
    assert safe_cell(cell) == shown


def test_report_files_are_private(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_run(tmp_path / "run")
        folder = RunFolder(tmp_path / "run")
        build(folder)
    finally:
        os.umask(before)
    written = [folder.report, *folder.report.iterdir(), folder.table, folder.causes]
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode) & 0o077) for path in written} == {
        path.name: "0o0" for path in written
    }


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of Chromium; whatever it asks for or complains about stands in `page.troubles`."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        page.troubles = []
        for event in ("console", "pageerror", "dialog", "request"):
            page.on(
                event,
                lambda what, event=event: page.troubles.append((event, _told(what))),
            )
        yield page
        browser.close()


def _told(what: Any) -> str:
    return what.url if hasattr(what, "url") else str(what)


@pytest.mark.browser
@pytest.mark.parametrize("run", [SCRIPT], indirect=True, ids=["script"])
def test_page_runs_no_injected_script_and_needs_no_network(page: Any, run: RunFolder) -> None:
    report = build(run).page.as_uri()
    page.goto(report)
    page.locator("button.cell").filter(has_text="/").first.click()
    assert "onerror" in page.locator("#trials").text_content()
    assert page.locator("img").count() == 0
    assert page.troubles == [("request", report)]
