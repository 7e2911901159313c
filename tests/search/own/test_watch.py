"""`trial.watch` in own training functions: causes, signals in reports, and ends that leave no hooks."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from failmap.analysis.diagnosis import diagnose
from failmap.analysis.diagnosis.own import as_rules_see
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import Evaluation, Summary, TrialRecord, read_history
from failmap.run_folder.storage import store_of
from failmap.search.own.handle import ReportError
from failmap.search.own.session import FunctionSession
from failmap.search.trial.history import SupersededError

from . import loops
from .conftest import OpenSession
from .test_session import run_to_end

#: Signals that observers give at the end of a training only.
AT_END = {"class_counts", "label_dependence"}


def lines(folder: TrialFolder) -> list[Evaluation]:
    return list(read_history(folder.history))


def diagnosed(session: FunctionSession) -> tuple[str | None, str]:
    """Return the outcome of a trial that has ended, and its cause as reports have it."""
    config = session.config.model_dump(mode="json")
    record = TrialRecord(7, 1, config, {}, {}, 0, "default", 3, "", summary=session.summary)
    diagnosis = diagnose(*as_rules_see(record, lines(session.folder)))
    assert diagnosis is not None
    return record.outcome, diagnosis.cause


@pytest.mark.parametrize("own", [{"score": 0.9}, {"score": 0.9, "chance": 1 / 3}], ids=["raw", "skill"])
@pytest.mark.parametrize(
    ("function", "ends"),
    [
        (loops.healthy, ("learned", "none")),
        (loops.softmax_first, ("failed", "unreachable_output")),
        (loops.shuffled, ("failed", "no_signal")),
    ],
)
def test_watched_function_has_the_cause_of_its_fault(
    open_session: OpenSession, function: Any, ends: tuple[str, str], own: dict[str, float]
) -> None:
    session = open_session(function, **own)
    run_to_end(session)
    assert diagnosed(session) == ends


def test_unwatched_function_has_no_cause_in_its_labels(open_session: OpenSession) -> None:
    session = open_session(
        lambda config, trial: loops.train(trial, loops.Net(), shuffles=True, watches=False)
    )
    run_to_end(session)
    assert diagnosed(session)[1] not in ("no_signal", "labels_or_loss_wrong")
    assert all(not one.signals for one in lines(session.folder))


def test_reports_have_what_the_watch_saw(open_session: OpenSession, trial_folder: TrialFolder) -> None:
    run_to_end(open_session(loops.shuffled))
    history = lines(trial_folder)
    first = history[0].signals["watched"]
    assert first["config"]["model"]["name"] == "gru"
    assert first["config"]["output"] == {"loss": "cross_entropy"}
    assert first["levels"]["metric"] == "accuracy"
    assert first["levels"]["chance_loss"] == pytest.approx(1.0986, abs=0.02)
    # What has not changed is not repeated.
    assert "config" not in history[1].signals["watched"]
    assert all(1.0 < one.signals["watched"]["loss"] < 1.3 for one in history)
    assert "gradient_norm" in history[0].signals
    for index, one in enumerate(history):
        assert (set(one.signals) >= AT_END) == (index == len(history) - 1)


def test_trial_that_meets_its_criterion_has_the_signals_of_the_end(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    session = open_session(loops.healthy)
    updates = run_to_end(session)
    assert updates[-1] < loops.NUM_UPDATES - 1
    history = lines(trial_folder)
    assert [one.update for one in history] == updates
    assert set(history[-1].signals) >= AT_END


def test_the_same_training_is_seen_in_the_same_way(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    seen = []
    for _ in range(2):
        for file in (trial_folder.checkpoint / "state.safetensors", trial_folder.history):
            file.unlink(missing_ok=True)
        run_to_end(open_session(loops.shuffled))
        seen.append([(one.update, one.train_loss, one.score, one.signals) for one in lines(trial_folder)])
    assert seen[0] == seen[1]


def test_watch_changes_nothing_that_is_reported_also_on_resume(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    def reported(watches: bool, is_interrupted: bool) -> list[tuple[int, float | None, float]]:
        for file in (trial_folder.checkpoint / "state.safetensors", trial_folder.history):
            file.unlink(missing_ok=True)

        def function(config: Any, trial: Any) -> None:
            loops.train(trial, loops.Net(), watches=watches)

        if is_interrupted:
            stop = threading.Event()
            stopped = open_session(function, score=5.0, is_stopped=stop.is_set)
            for _ in range(3):
                stopped.advance()
            stop.set()
            time.sleep(store_of(trial_folder.path).poll_seconds)
            assert stopped.advance() is None
            assert all(set(one.signals).isdisjoint(AT_END) for one in lines(trial_folder))
        run_to_end(open_session(function, score=5.0))
        return [(one.update, one.train_loss, one.score) for one in lines(trial_folder)]

    plain = reported(watches=False, is_interrupted=False)
    assert reported(watches=True, is_interrupted=False) == plain
    assert reported(watches=True, is_interrupted=True) == plain
    resumed = lines(trial_folder)
    # The session after the interruption watches from its beginning.
    assert ["config" in one.signals["watched"] for one in resumed[:5]] == [True, False, False, True, False]
    assert set(resumed[-1].signals) >= AT_END


def test_signals_of_the_function_count_on_equal_names(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    def function(config: Any, trial: Any) -> None:
        loops.train(trial, loops.Net(), shuffles=True, gradient_norm=-1.0, label_dependence=2.0, mine=3.0)

    run_to_end(open_session(function))
    for one in lines(trial_folder):
        values = [one.signals[name] for name in ("gradient_norm", "label_dependence", "mine")]
        assert values == [-1.0, 2.0, 3.0]
    assert "class_counts" in lines(trial_folder)[-1].signals


def test_name_of_the_signal_is_taken(open_session: OpenSession) -> None:
    with pytest.raises(ReportError, match="watched"):
        run_to_end(open_session(lambda config, trial: trial.report(update=0, score=0.0, watched=1)))


def test_watch_that_cannot_be_leaves_the_training_alone(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    def function(config: Any, trial: Any) -> None:
        model = nn.Linear(1, 1)
        other = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
        watch = trial.watch(model, other)
        watch.step(torch.tensor(1.0))
        trial.report(update=0, score=0.0)
        watch.close()

    run_to_end(open_session(function))
    assert [one.signals for one in lines(trial_folder)] == [{}]
    said = trial_folder.output.read_text().splitlines()
    assert len(said) == 1
    assert "optimizer" in said[0]


def test_second_watch_is_one_line_until_the_first_is_closed(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    active = []

    def function(config: Any, trial: Any) -> None:
        models = [nn.Linear(1, 1) for _ in range(3)]
        watches = []
        for model in models:
            watches.append(trial.watch(model, torch.optim.SGD(model.parameters(), lr=0.1)))
            if len(watches) == 2:
                watches[0].close()
        active.extend(watch.is_active for watch in watches)
        trial.report(update=0, score=0.0)

    run_to_end(open_session(function))
    assert active == [False, False, True]
    assert len(trial_folder.output.read_text().splitlines()) == 1


def stop_by_rank(session: FunctionSession) -> None:
    session.advance()
    session.release()


def run_and_catch(session: FunctionSession) -> None:
    with pytest.raises(ZeroDivisionError):
        run_to_end(session)


def returns(trial: Any) -> None:
    """Nothing follows the last report."""


def raises(trial: Any) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("after", "end", "score"),
    [
        (returns, run_to_end, 0.9),
        (returns, run_to_end, -1.0),
        (returns, stop_by_rank, 0.9),
        (raises, run_and_catch, 0.9),
    ],
    ids=["returns", "learned", "stopped by rank", "raises"],
)
def test_no_end_leaves_hooks_behind(
    open_session: OpenSession, after: Callable[[Any], None], end: Callable[[Any], Any], score: float
) -> None:
    model = loops.Net()

    def function(config: Any, trial: Any) -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        watch = trial.watch(model, optimizer, nn.CrossEntropyLoss())
        assert watch.is_active
        for update in range(5):
            # Hooks for the next step are there already when the trial is stopped at a report.
            inputs, targets = loops.batch(update, 4)
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watch.step(loss, inputs=inputs, targets=targets)
            if trial.report(update=update, score=0.0):
                return
        after(trial)

    # Twice: a model that is watched still would be refused.
    for _ in range(2):
        end(open_session(function, score=score))
        hooks = [
            one for module in model.modules() for one in (module._forward_hooks, module._forward_pre_hooks)
        ]
        assert not any(hooks)


def test_amended_history_needs_the_latest_attempt(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    is_current = [True]
    session = open_session(lambda config, trial: None, is_current=lambda: is_current[0])
    for update in (1, 2):
        session.history.append(Evaluation(update, 0.0, None, None, None, 0.0))
    session.history.amend(Evaluation(2, 0.0, None, None, None, 0.5))
    session.history.append(Evaluation(3, 0.0, None, None, None, 0.0))
    assert [(one.update, one.score) for one in lines(trial_folder)] == [(1, 0.0), (2, 0.5), (3, 0.0)]
    is_current[0] = False
    with pytest.raises(SupersededError):
        session.history.amend(Evaluation(3, 0.0, None, None, None, 0.9))
    assert lines(trial_folder)[-1].score == 0.0


def test_score_with_a_level_of_chance_is_the_functions_unless_training_never_left_chance() -> None:
    levels = {"metric": "accuracy", "chance_metric": 0.5, "chance_loss": 0.7, "validation_size": 256}
    config = {"task": {"sequence_length": 9}, "model": {"name": "gru"}, "train": {"batch_size": 32}}

    def seen(chance: float, metric: float) -> tuple[TrialRecord, list[Evaluation]]:
        watched = {"loss": 0.6, "metric": metric, "config": config, "levels": levels}
        history = [Evaluation(10 * i, 0.0, 9.0, None, 0.7, 0.4, {"watched": watched}) for i in range(6)]
        summary = Summary("failed", "", 50, target_score=0.9, metric="score", chance_metric=chance)
        own = {"own": {}, "settings": {"model.name": "mine"}}
        record = TrialRecord(0, 1, own, {}, {}, 0, "default", 0, "", summary=summary)
        return as_rules_see(record, history)

    record, history = seen(0.5, metric=0.8)
    assert record.summary is not None
    assert [one.score for one in history] == [0.4] * 6
    assert (history[0].train_loss, record.summary.chance_loss) == (0.6, 0.7)
    assert record.config["model"] == {"name": "gru"}
    assert record.config["train"] == {"batch_size": 32, "max_updates": 50}
    assert (record.outcome, record.summary.target_score) == ("failed", 0.9)
    raw, history = seen(float("nan"), metric=0.8)
    assert raw.summary is not None
    assert history[0].score == pytest.approx(0.6)
    assert (raw.summary.metric, raw.summary.chance_metric) == ("accuracy", 0.5)


def test_signal_of_another_shape_is_an_error() -> None:
    record = TrialRecord(0, 1, {"own": {}, "settings": {}}, {}, {}, 0, "default", 0, "")
    with pytest.raises(ValueError, match="watched"):
        as_rules_see(record, [Evaluation(0, 0.0, None, None, None, 0.0, {"watched": json.loads("[1]")})])
