"""The desk between Ray's trials and a real study: what each kind of loss costs, and when it is too much."""

import json
from collections.abc import Callable
from dataclasses import asdict
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


def make_desk(config: RunConfig, folder: RunFolder, **retries: int) -> TrialLifecycle:
    study = Study.open(config, folder, lambda line: None, lambda trial: 1.0)
    return TrialLifecycle(study, Retries(**retries), Shutdown(folder, None))


def result(outcome: Outcome | None, reason: str = "", ended_by: FaultKind | None = None) -> dict[str, Any]:
    """A worker's last, as it travels through Tune."""
    summary = json.dumps(asdict(Summary(outcome, reason, score=0.5)))
    return {"update": None, "score": None, "fault": None, "ended_by": ended_by, "summary": summary}


def record(number: int, folder: RunFolder) -> TrialRecord:
    return TrialRecord.from_json(read_text(folder.trial(number).record))


def lose(desk: TrialLifecycle, trial_id: str, kind: FaultKind) -> None:
    """As it happens: some losses are results, others the end of a worker."""
    if kind in ("error", "out_of_memory"):
        desk.end(trial_id, result("errored", "it was too much", kind))
    else:
        desk.lose(trial_id, kind, "it was too much")


@pytest.mark.parametrize(
    ("kind", "retries", "words"),
    [
        ("preempted", {"preempted": 2}, "preempted 3 times; at last: it was too much"),
        ("lost", {"lost": 2}, "lost 3 times; at last: it was too much"),
        ("hung", {"hung": 2}, "hung 3 times; at last: it was too much"),
        ("error", {"error": 2}, "raised an error 3 times; at last: it was too much"),
        ("out_of_memory", {"halve_batch": 2}, "out of memory 3 times; at last: it was too much"),
    ],
)
def test_each_kind_of_loss_has_a_budget_of_its_own(
    kind: FaultKind, retries: dict[str, int], words: str, make_config: MakeConfig, folder: RunFolder
) -> None:
    none = {"preempted": 0, "lost": 0, "hung": 0, "error": 0, "halve_batch": 0}
    desk = make_desk(make_config(), folder, **{**none, **retries})
    for attempt in (1, 2, 3):
        assert desk.begin("ray") == {"number": 0, "attempt": attempt}
        lose(desk, "ray", kind)
    assert desk.begin("ray") == {"number": 1, "attempt": 1}
    ended = record(0, folder)
    assert ended.summary is not None
    assert (ended.summary.outcome, ended.summary.reason) == ("errored", words)
    assert [(fault.attempt, fault.kind) for fault in ended.faults] == [(1, kind), (2, kind)]
    lose(desk, "ray", kind)
    assert desk.begin("ray") == {"number": 1, "attempt": 2}, "another trial has a budget of its own"


def test_budgets_are_counted_over_all_sessions(make_config: MakeConfig, folder: RunFolder) -> None:
    for attempt in (1, 2):
        desk = make_desk(make_config(), folder, lost=1)
        assert desk.begin("ray") == {"number": 0, "attempt": attempt}
        lose(desk, "ray", "lost")
        desk.study.close()
    desk = make_desk(make_config(), folder, lost=1)
    assert desk.begin("ray") == {"number": 1, "attempt": 1}


def test_half_the_batch_is_told_in_the_record_and_a_batch_of_one_ends(
    make_config: MakeConfig, folder: RunFolder
) -> None:
    config = make_config()
    desk = make_desk(config, folder, halve_batch=100)
    sizes = []
    while (begun := desk.begin("ray")) is not None and begun["number"] == 0:
        told = record(0, folder)
        sizes.append(told.config["train"]["batch_size"])
        assert told.batch_halvings == begun["attempt"] - 1
        lose(desk, "ray", "out_of_memory")
    assert sizes == [64, 32, 16, 8, 4, 2, 1]


def test_what_does_not_fit_as_it_is_may_be_tried_again_like_any_error(
    make_config: MakeConfig, folder: RunFolder
) -> None:
    desk = make_desk(make_config(), folder, halve_batch=0, error=1)
    for _ in range(2):
        desk.begin("ray")
        lose(desk, "ray", "out_of_memory")
    ended = record(0, folder)
    assert [fault.kind for fault in ended.faults] == ["error"]
    assert ended.summary is not None
    assert ended.summary.reason == "out of memory 2 times; at last: it was too much"


def test_a_desk_remembers_no_trial_that_has_ended(make_config: MakeConfig, folder: RunFolder) -> None:
    desk = make_desk(make_config(), folder)
    for end in (lambda: desk.end("ray", result("failed")), lambda: lose(desk, "ray", "lost")):
        desk.begin("ray")
        end()
        assert desk.under_way == {}


def test_a_search_that_ends_blames_no_trial(make_config: MakeConfig, folder: RunFolder) -> None:
    desk = make_desk(make_config(), folder, lost=0)
    desk.begin("ray")
    desk.interruption.ask("interrupt")
    desk.lose("ray", "lost", "its worker died")
    assert record(0, folder).faults == ()
    assert record(0, folder).summary is None


@settings(max_examples=30, deadline=None)
@given(
    strikes=st.lists(st.sampled_from(["preempted", "lost", "hung", "error", "out_of_memory"]), max_size=40)
)
def test_no_sequence_of_losses_loses_or_repeats_a_trial(
    strikes: list[FaultKind], make_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = RunFolder(Path(tmp_path_factory.mktemp("run")) / "tiny")
    desk = make_desk(make_config(), folder, preempted=1, lost=1, hung=1, error=1, halve_batch=1)
    slot, left = 0, list(strikes)
    while desk.begin(str(slot % 2)) is not None:
        if left:
            lose(desk, str(slot % 2), left.pop())
        else:
            desk.end(str(slot % 2), result("failed", "update budget spent"))
        slot += 1
    assert desk.fault is None
    numbers = sorted(int(path.name) for path in Path(folder.trials).iterdir())
    ended = [record(number, folder) for number in numbers]
    assert numbers == list(range(len(ended)))
    keys = {(*each.cell.values(), each.recipe_index, each.seed) for each in ended}
    assert len(keys) == len(ended), "a trial was repeated"
    assert all(each.summary is not None for each in ended), "a trial was lost"
    assert sum(len(each.faults) for each in ended) <= len(strikes)
    desk.study.close()
