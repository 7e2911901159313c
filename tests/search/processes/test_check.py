"""The preflight as users start it. Few, for each is a process of its own."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.search.processes.conftest import Driver

Start = Callable[..., Driver]

QUICK = ("task=parity", "task.sequence_length=3", "train.learning_rate=1e-2")


def test_a_sound_trial_ends_with_zero(start: Start) -> None:
    check = start("search.check", *QUICK)
    assert check.end() == 0, check.output
    assert "overfitting" in check.output
    assert "preflight of parity of 3 steps, lstm 1x32, bce_with_logits: 1 trial, 14 passed" in check.output


def test_a_trial_that_fails_ends_with_one_and_json_says_why(start: Start) -> None:
    check = start("search.check", *QUICK, "output.activation=sigmoid", "--json")
    assert check.end() == 1, check.output
    (trial,) = json.loads(check.output[check.output.index("{") :])["trials"]
    statuses = {finding["check"]: finding["status"] for finding in trial["findings"]}
    assert statuses["output_floor"] == "fail"
    assert statuses["gradients"] == "pass"


def test_a_mistake_ends_with_two_and_makes_nothing(start: Start, tmp_path: Path) -> None:
    check = start("search.check", "task=parity", "range_test=true", f"picture={tmp_path}/no/where.png")
    assert check.end() == 2
    assert "no such folder" in check.output
    assert list(tmp_path.iterdir()) == []
