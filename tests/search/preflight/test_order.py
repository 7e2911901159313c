"""The checks of one trial in order, and a whole preflight within its time limit."""

import math
import signal
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import pytest

from failmap.search.config import RunConfig
from failmap.search.preflight.check import Check, Finding, TimeLimitError, time_limit
from failmap.search.preflight.run import CHECKS, check_trial, preflight
from tests.search.preflight.conftest import MakeSubject

SOUND = Finding("pass", "fine", 1.0, "parts", details={"layer": 0.5})
#: Seconds that no check reaches, even on a slow and busy machine.
LONG = 1000.0


def test_sound_trial_passes_every_check(make_subject: MakeSubject) -> None:
    checks = [replace(check, limit_seconds=LONG) for check in CHECKS]
    report = check_trial(make_subject(train={"learning_rate": 1e-2}), checks, monotonic() + LONG)
    assert {name: finding for name, finding in report.findings.items() if finding.status != "pass"} == {}
    assert list(report.findings) == [check.name for check in CHECKS]
    assert report.not_checked == {}
    assert report.status == "pass"


def test_error_is_a_finding_and_the_next_check_runs(make_subject: MakeSubject) -> None:
    def broken(_: object) -> Finding:
        raise RuntimeError("no such kernel\nand more")

    checks = (Check("broken", broken, LONG), Check("sound", lambda _: SOUND, LONG))
    report = check_trial(make_subject(), checks, monotonic() + LONG)
    assert report.findings["broken"].status == "fail"
    assert report.findings["broken"].message == "raised RuntimeError: no such kernel"
    assert report.findings["sound"] == SOUND


def test_slow_check_is_not_checked(make_subject: MakeSubject) -> None:
    def endless(_: object) -> Finding:
        while True:
            math.sqrt(2)

    checks = (Check("endless", endless, 0.05), Check("sound", lambda _: SOUND, LONG))
    report = check_trial(make_subject(), checks, monotonic() + LONG)
    assert "longer than" in report.not_checked["endless"]
    assert report.findings["sound"] == SOUND
    late = check_trial(make_subject(), checks, monotonic() - 1)
    assert set(late.not_checked.values()) == {"no time left"}


def test_time_limit_leaves_no_timer() -> None:
    def endless() -> None:
        with time_limit(0.01):
            while True:
                math.sqrt(2)

    with pytest.raises(TimeLimitError):
        endless()
    with time_limit(10):
        pass
    assert signal.getitimer(signal.ITIMER_REAL)[0] != pytest.approx(10, abs=5)


def test_trial_that_cannot_be_built_is_a_finding(
    make_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no such part")

    monkeypatch.setattr("failmap.search.trial.training.build_model", refuse)
    report = preflight(make_config(), total_seconds=LONG)
    assert report.status == "fail"
    assert {trial.findings["build"].message for trial in report.trials} == {
        "cannot be built: ValueError: no such part"
    }


def test_without_time_all_trials_are_not_checked(make_config: Callable[..., RunConfig]) -> None:
    report = preflight(make_config(), total_seconds=0)
    assert report.trials == ()
    assert sum("no time left" in line for line in report.not_checked) == 4
    assert report.status == "pass"
