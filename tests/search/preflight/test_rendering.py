"""The report as a table, as plain lines, and as JSON."""

import json
import math
from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from failmap.search.config import RunConfig
from failmap.search.preflight.check import Finding, worst
from failmap.search.preflight.report import Report, TrialReport, number_text, rows, show, to_json
from failmap.search.preflight.selection import select

SOUND = Finding("pass", "fine", 1.0, "parts", details={"layer": 0.5})
BAD = Finding("fail", "it leaks", math.inf, "of it", "repair it")


@pytest.fixture
def report(make_config: Callable[..., RunConfig]) -> Report:
    config = select(make_config().space, 0).smallest[0]
    one = TrialReport("one", config, {"shapes": SOUND, "leak": SOUND}, {}, 0.5)
    other = TrialReport("other", config, {"shapes": SOUND, "leak": BAD}, {"modes": "no time left"}, 0.5)
    return Report("space tiny", (one, other), ("3 cells between",), 1.0)


def test_findings_with_the_same_advice_share_a_row(report: Report) -> None:
    found = rows(report.trials)
    assert [(row.check, row.status, len(row.findings)) for row in found] == [
        ("shapes", "pass", 2),
        ("leak", "pass", 1),
        ("leak", "fail", 1),
    ]
    assert found[0].lines == ["one: fine (and 1 other trial)"]
    assert (found[2].number, found[2].advice) == ("", "repair it")


def test_pipe_gets_lines_and_terminal_gets_a_table(report: Report) -> None:
    pipe, terminal = StringIO(), StringIO()
    show(report, Console(file=pipe, width=80))
    lines = pipe.getvalue().splitlines()
    assert lines[0].startswith("pass  shapes: 1 parts: ")
    assert lines[2].endswith("other: it leaks -> repair it")
    assert "not checked: modes of other: no time left" in lines
    assert "not checked: 3 cells between" in lines
    assert lines[-1] == "preflight of space tiny: 2 trials, 3 passed, 1 failed (1 s)"
    show(report, Console(file=terminal, width=80, force_terminal=True, color_system=None))
    assert "┃" in terminal.getvalue()
    assert "repair it" in terminal.getvalue()


def test_json_is_complete_and_finite(report: Report) -> None:
    data = json.loads(json.dumps(to_json(report), allow_nan=False))
    assert set(data) == {"schema", "title", "status", "seconds", "trials", "not_checked", "range_test"}
    assert (data["schema"], data["status"]) == (1, "fail")
    one, other = data["trials"]
    assert one["findings"][0] == {
        "check": "shapes", "status": "pass", "message": "fine", "value": 1.0, "unit": "parts", "advice": "",
        "details": {"layer": 0.5}, "parts": [], "settings": [],
    }  # fmt: skip
    assert other["findings"][1]["value"] is None
    assert other["not_checked"] == [{"check": "modes", "reason": "no time left"}]
    assert one["config"]["task"]["name"] == "adding"


def test_number_formats() -> None:
    assert [number_text(value) for value in (1024, 0.5, 1.23e-5, 0)] == ["1,024", "0.5", "1.23e-05", "0"]
    assert worst(["pass", "fail", "warn"]) == "fail"
