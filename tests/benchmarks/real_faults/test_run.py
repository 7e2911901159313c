"""The runner calls the watcher as agreed, and reads its verdict."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import failmap
from benchmarks.real_faults import __main__ as program
from benchmarks.real_faults import run


def test_the_watcher_gets_a_storage_and_the_name_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(failmap, "watch", lambda *given, **options: calls.append(options), raising=False)

    def train(watch: Any, repaired: bool) -> float:
        watch("model", "optimizer", "loss")
        return 0.75 if repaired else 0.25

    monkeypatch.setitem(sys.modules, "made_up_case", SimpleNamespace(train=train))  # type: ignore[arg-type]
    assert run.train_here("made_up_case", True, str(tmp_path))["score"] == 0.75
    assert calls == [{"storage": str(tmp_path), "name": run.RUN}]


@pytest.mark.parametrize(("is_healthy", "causes"), [(False, ("padding", "too_slow")), (True, ())])
def test_a_verdict_is_read(
    is_healthy: bool, causes: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = [SimpleNamespace(told="zeros at the end")]
    diagnosis = SimpleNamespace(
        cause="padding",
        is_healthy=is_healthy,
        runners_up=[SimpleNamespace(cause="too_slow"), SimpleNamespace(cause="none")],
        verdict=SimpleNamespace(evidence=evidence),
    )
    monkeypatch.setattr(failmap, "verdict", lambda path: diagnosis, raising=False)
    monkeypatch.setattr(run, "_others", lambda folder: {"UMLAUT": ()})
    verdict = run._verdict(tmp_path, score=0.5, seconds=2.0)
    assert (verdict.causes, verdict.evidence) == (causes, "zeros at the end")
    assert verdict.others == {"UMLAUT": ()}


def test_a_training_that_crashes_is_a_verdict_with_its_error() -> None:
    verdict = run._trained("benchmarks.real_faults.read.no_such_case", repaired=False)
    assert "no_such_case" in verdict.error
    assert not verdict.is_alarm


@pytest.mark.parametrize("argument", ["half=third", "names=nothing"])
def test_an_unknown_half_or_name_ends_the_program(argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["real_faults", argument])
    with pytest.raises(SystemExit) as error:
        program.main()
    assert argument.partition("=")[2] in str(error.value)
