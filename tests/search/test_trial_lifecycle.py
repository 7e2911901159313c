"""Trials between Tune and a real study: the retries after each kind of fault, and their limits."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import FaultKind, Outcome, Summary, TrialRecord
from failmap.run_folder.storage import read_text
from failmap.search.config import Retries, RunConfig
from failmap.search.shutdown import Shutdown
from failmap.search.study import Study
from failmap.search.trial_lifecycle import TrialLifecycle

MakeConfig = Callable[..., RunConfig]


def make_lifecycle(config: RunConfig, folder: RunFolder, **retries: int) -> TrialLifecycle:
    study = Study.open(config, folder, lambda line: None)
    return TrialLifecycle(study, Retries(**retries), Shutdown(folder, None))


def result(outcome: Outcome | None, reason: str = "", ended_by: FaultKind | None = None) -> dict[str, Any]:
    """Return the last result of a worker."""
    summary = json.dumps(Summary(outcome, reason, score=0.5).to_dict())
    return {"update": None, "score": None, "fault": None, "ended_by": ended_by, "summary": summary}


def record(number: int, folder: RunFolder) -> TrialRecord:
    return TrialRecord.from_json(read_text(folder.trial(number).record))


def fail(lifecycle: TrialLifecycle, trial_id: str, kind: FaultKind) -> None:
    """Fail a trial by a worker's result or by its death, as the kind of fault requires."""
    if kind in ("error", "out_of_memory"):
        lifecycle.end(trial_id, result("errored", "it was too much", kind))
    else:
        lifecycle.fail(trial_id, kind, "it was too much")


@pytest.mark.parametrize(
    ("kind", "retries"),
    [
        ("preempted", {"preempted": 2}),
        ("lost", {"lost": 2}),
        ("hung", {"hung": 2}),
        ("error", {"error": 2}),
        ("out_of_memory", {"halve_batch": 2}),
    ],
)
def test_each_kind_of_fault_has_its_own_retries(
    kind: FaultKind, retries: dict[str, int], make_config: MakeConfig, folder: RunFolder
) -> None:
    none = {"preempted": 0, "lost": 0, "hung": 0, "error": 0, "halve_batch": 0}
    lifecycle = make_lifecycle(make_config(), folder, **{**none, **retries})
    for attempt in (1, 2, 3):
        assert lifecycle.begin("ray") == {"number": 0, "attempt": attempt}
        fail(lifecycle, "ray", kind)
    assert lifecycle.begin("ray") == {"number": 1, "attempt": 1}
    ended = record(0, folder)
    assert ended.summary is not None
    assert ended.summary.outcome == "errored"
    label = "raised an error" if kind == "error" else kind.replace("_", " ")
    assert re.fullmatch(f"{label} 3 times.*: it was too much", ended.summary.reason)
    assert [(fault.attempt, fault.kind) for fault in ended.faults] == [(1, kind), (2, kind)]
    fail(lifecycle, "ray", kind)
    assert lifecycle.begin("ray") == {"number": 1, "attempt": 2}, "another trial has its own retries"


def test_retries_count_over_all_sessions(make_config: MakeConfig, folder: RunFolder) -> None:
    for attempt in (1, 2):
        lifecycle = make_lifecycle(make_config(), folder, lost=1)
        assert lifecycle.begin("ray") == {"number": 0, "attempt": attempt}
        fail(lifecycle, "ray", "lost")
        lifecycle.study.close()
    lifecycle = make_lifecycle(make_config(), folder, lost=1)
    assert lifecycle.begin("ray") == {"number": 1, "attempt": 1}


def test_batch_is_halved_down_to_one(make_config: MakeConfig, folder: RunFolder) -> None:
    config = make_config()
    lifecycle = make_lifecycle(config, folder, halve_batch=100)
    sizes = []
    while (begun := lifecycle.begin("ray")) is not None and begun["number"] == 0:
        begun_record = record(0, folder)
        sizes.append(begun_record.config["train"]["batch_size"])
        assert begun_record.batch_halvings == begun["attempt"] - 1
        fail(lifecycle, "ray", "out_of_memory")
    assert sizes == [64, 32, 16, 8, 4, 2, 1]


def test_unhalved_trial_retries_as_error(make_config: MakeConfig, folder: RunFolder) -> None:
    lifecycle = make_lifecycle(make_config(), folder, halve_batch=0, error=1)
    for _ in range(2):
        lifecycle.begin("ray")
        fail(lifecycle, "ray", "out_of_memory")
    ended = record(0, folder)
    assert [fault.kind for fault in ended.faults] == ["error"]
    assert ended.summary is not None
    assert ended.summary.reason.startswith("out of memory 2 times")


def test_ended_trials_are_removed(make_config: MakeConfig, folder: RunFolder) -> None:
    lifecycle = make_lifecycle(make_config(), folder)
    for end in (lambda: lifecycle.end("ray", result("failed")), lambda: fail(lifecycle, "ray", "lost")):
        lifecycle.begin("ray")
        end()
        assert lifecycle.running == {}


def test_shutdown_is_no_fault(make_config: MakeConfig, folder: RunFolder) -> None:
    lifecycle = make_lifecycle(make_config(), folder, lost=0)
    lifecycle.begin("ray")
    lifecycle.shutdown.request("interrupt")
    lifecycle.fail("ray", "lost", "its worker died")
    assert record(0, folder).faults == ()
    assert record(0, folder).summary is None


@settings(max_examples=30, deadline=None)
@given(faults=st.lists(st.sampled_from(["preempted", "lost", "hung", "error", "out_of_memory"]), max_size=40))
def test_faults_never_lose_or_repeat_a_trial(
    faults: list[FaultKind], make_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = RunFolder(Path(tmp_path_factory.mktemp("run")) / "tiny")
    lifecycle = make_lifecycle(make_config(), folder, preempted=1, lost=1, hung=1, error=1, halve_batch=1)
    slot, left = 0, list(faults)
    while lifecycle.begin(str(slot % 2)) is not None:
        if left:
            fail(lifecycle, str(slot % 2), left.pop())
        else:
            lifecycle.end(str(slot % 2), result("failed", "update budget spent"))
        slot += 1
    assert lifecycle.error is None
    numbers = sorted(int(path.name) for path in Path(folder.trials).iterdir())
    ended = [record(number, folder) for number in numbers]
    assert numbers == list(range(len(ended)))
    keys = {(*each.cell.values(), each.recipe_index, each.seed) for each in ended}
    assert len(keys) == len(ended), "a trial was repeated"
    assert all(each.summary is not None for each in ended), "a trial was lost"
    assert sum(len(each.faults) for each in ended) <= len(faults)
    lifecycle.study.close()
