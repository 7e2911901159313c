"""The command check as users start it; each test is a process."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.search.json_keys import documented_keys
from tests.search.processes.conftest import Driver

Start = Callable[..., Driver]

QUICK = ("task=parity", "task.sequence_length=3", "train.learning_rate=1e-2")


def test_sound_trial_passes(start: Start) -> None:
    check = start("search.check", *QUICK)
    assert check.end() == 0, check.output
    assert "overfitting" in check.output
    assert "preflight of parity of 3 steps, lstm 1x32, bce_with_logits: 1 trial, 14 passed" in check.output


def test_failing_trial_as_json(start: Start) -> None:
    check = start("search.check", *QUICK, "output.activation=sigmoid", "--json")
    assert check.end() == 1, check.output
    report = json.loads(check.output[check.output.index("{") :])
    (trial,) = report["trials"]
    assert set(report) == documented_keys("check")
    assert set(trial) == documented_keys("check", "trials")
    assert set(trial["findings"][0]) == documented_keys("check", "findings")
    assert report["status"] == "fail"
    statuses = {finding["check"]: finding["status"] for finding in trial["findings"]}
    assert statuses["output_floor"] == "fail"
    assert statuses["gradients"] == "pass"


def test_mistake_creates_no_file(start: Start, tmp_path: Path) -> None:
    check = start("search.check", "task=parity", "range_test=true", f"picture={tmp_path}/no/where.png")
    assert check.end() == 2
    assert "no such folder" in check.output
    assert list(tmp_path.iterdir()) == []
