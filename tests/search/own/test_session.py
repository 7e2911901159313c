"""Sessions of own training functions: reports, criteria, states, and functions that misbehave."""

import math
import os
import random
import threading
import time
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import read_history
from failmap.run_folder.storage import store_of
from failmap.search.own.handle import ReportError
from failmap.search.own.session import FunctionSession, OwnCodeError
from failmap.search.own.state import StateError
from failmap.search.trial.history import SupersededError

from .conftest import OpenSession


def run_to_end(session: FunctionSession) -> list[int]:
    """Advance until the trial has ended, and return the updates of its evaluations."""
    updates = []
    while session.summary is None:
        evaluation = session.advance()
        updates += [] if evaluation is None else [evaluation.update]
    return updates


def reporting(*scores: float, **more: Any) -> Any:
    """Return a function that reports these scores at updates 0, 10, 20, ..."""

    def train(config: Any, trial: Any) -> None:
        for index, score in enumerate(scores):
            if trial.report(update=10 * index, score=score, **more):
                return

    return train


def test_function_that_meets_the_criterion_twice_in_a_row_has_learned(open_session: OpenSession) -> None:
    session = open_session(reporting(0.95, 0.1, 0.95, 0.96, 0.97, loss=0.5))
    assert run_to_end(session) == [0, 10, 20, 30]
    assert session.summary is not None
    assert (session.summary.outcome, session.summary.updates) == ("learned", 30)
    assert (session.summary.metric, session.summary.target_metric) == ("raw_score", 0.9)
    history = list(read_history(session.folder.history))
    assert [one.score for one in history] == [0.95, 0.1, 0.95, 0.96]
    assert {one.train_loss for one in history} == {0.5}


def test_function_that_returns_without_the_criterion_has_failed(open_session: OpenSession) -> None:
    session = open_session(reporting(0.1, 0.2))
    assert run_to_end(session) == [0, 10]
    assert session.summary is not None
    assert (session.summary.outcome, session.summary.best_score) == ("failed", 0.2)


def test_max_updates_ends_a_trial(open_session: OpenSession) -> None:
    session = open_session(reporting(*[0.1] * 9), score=0.9, max_updates=20)
    assert run_to_end(session) == [0, 10, 20]
    assert session.summary is not None
    assert session.summary.outcome == "failed"


@pytest.mark.parametrize(
    ("own", "reported", "score", "target"),
    [
        ({"score": 0.9, "chance": 0.5}, 0.75, 0.5, 0.8),
        ({"score": 0.05, "chance": 1.0, "perfect": 0.0}, 0.2, 0.8, 0.95),
        ({"better_than_chance": True, "chance": 0.5}, 0.5, 0.0, 0.1),
        ({"score": -2.0}, -3.0, -3.0, -2.0),
    ],
)
def test_chance_makes_a_score_a_skill(
    open_session: OpenSession, own: dict[str, Any], reported: float, score: float, target: float
) -> None:
    session = open_session(reporting(reported), **own)
    evaluation = session.advance()
    assert evaluation is not None
    assert (evaluation.metric, evaluation.score) == (reported, pytest.approx(score))
    run_to_end(session)
    assert session.summary is not None
    assert session.summary.target_score == pytest.approx(target)
    assert session.summary.best_score == pytest.approx(score)
    assert math.isnan(session.summary.chance_metric) == ("chance" not in own)


def test_random_numpy_and_torch_are_seeded_before_the_call(open_session: OpenSession) -> None:
    drawn = []

    def train(config: Any, trial: Any) -> None:
        drawn.append((trial.seed, random.random(), np.random.rand(), torch.rand(1).item()))
        trial.report(update=0, score=0.0)

    for seed in (3, 3, 4):
        random.random()
        run_to_end(open_session(train, seed=seed))
    assert drawn[0] == drawn[1]
    assert all(a != b for a, b in zip(drawn[0], drawn[2], strict=True))


def trained(config: Any, trial: Any) -> None:
    """Train a small network with momentum, batches being functions of seed and update."""
    model = nn.Linear(3, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 7)
    if trial.state is not None:
        model.load_state_dict(trial.state["model"])
        optimizer.load_state_dict(trial.state["optimizer"])
        schedule.load_state_dict(trial.state["schedule"])
    for update in range(trial.first_update, config["train.updates"]):
        draws = torch.Generator().manual_seed(1000 * trial.seed + update)
        inputs = torch.randn(8, 3, generator=draws)
        loss = ((model(inputs) - inputs.sum(1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if update % 5 == 4:
            state = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            }
            trial.report(update=update, loss=loss.item(), score=-loss.item(), state=state)


def test_resumed_function_continues_to_the_last_bit(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    settings = {"train.updates": 30}
    run_to_end(open_session(trained, settings=settings, score=5.0))
    whole = [(one.update, one.train_loss) for one in read_history(trial_folder.history)]
    trial_folder.history.unlink()
    for file in trial_folder.checkpoint.iterdir():
        file.unlink()

    stop = threading.Event()
    stopped = open_session(trained, settings=settings, score=5.0, is_stopped=stop.is_set)
    stopped.advance()
    stopped.advance()
    stop.set()
    time.sleep(store_of(trial_folder.path).poll_seconds)
    assert stopped.advance() is None
    assert stopped.summary is not None
    assert stopped.summary.outcome is None
    assert any(trial_folder.checkpoint.iterdir())

    resumed = open_session(trained, settings=settings, score=5.0)
    assert run_to_end(resumed)[-1] == 29
    assert [(one.update, one.train_loss) for one in read_history(trial_folder.history)] == whole
    assert resumed.summary is not None
    assert "again" not in resumed.summary.reason


def test_function_without_a_state_starts_again_and_the_record_has_it(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    first = open_session(reporting(0.1, 0.2, 0.3))
    first.advance()
    first.advance()
    first.release()
    again = open_session(reporting(0.1, 0.2, 0.3))
    assert run_to_end(again) == [0, 10, 20]
    assert [one.update for one in read_history(trial_folder.history)] == [0, 10, 20]
    assert again.summary is not None
    assert "started again" in again.summary.reason


def test_released_function_is_told_to_stop_and_ends(open_session: OpenSession) -> None:
    answers = []

    def train(config: Any, trial: Any) -> None:
        for update in range(100):
            answers.append(trial.report(update=update, score=0.0))
            if answers[-1]:
                return

    before = threading.active_count()
    session = open_session(train)
    session.advance()
    session.advance()
    session.release()
    assert answers == [False, True]
    assert threading.active_count() == before


def test_function_that_ignores_the_stop_is_ended_at_its_next_report(open_session: OpenSession) -> None:
    reached = []

    def train(config: Any, trial: Any) -> None:
        for update in range(100):
            reached.append(update)
            try:
                trial.report(update=update, score=1.0)
            except Exception:
                reached.append(-1)

    session = open_session(train)
    assert run_to_end(session) == [0, 1]
    assert reached == [0, 1, 2]


def raising(error: BaseException) -> Any:
    def train(config: Any, trial: Any) -> None:
        trial.report(update=0, score=0.0)
        raise error

    return train


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ValueError("no"), ValueError),
        (SystemExit(3), SystemExit),
        (KeyboardInterrupt(), KeyboardInterrupt),
        # A worker takes an OSError for its storage's, which would end the search.
        (FileNotFoundError("data.csv"), OwnCodeError),
        (GeneratorExit(), OwnCodeError),
        (MemoryError("cannot"), MemoryError),
    ],
)
def test_what_a_function_raises_is_raised_as_an_error_of_its_trial(
    open_session: OpenSession, error: BaseException, raised: type[BaseException]
) -> None:
    session = open_session(raising(error))
    session.advance()
    with pytest.raises(raised):
        session.advance()
    assert type(error).__name__ in session.folder.output.read_text()
    assert "test_session.py" in session.folder.output.read_text()
    assert "handover.py" not in session.folder.output.read_text()


@pytest.mark.parametrize("name", ["loss", "score", "validation_loss"])
def test_number_that_is_not_finite_fails_the_trial(open_session: OpenSession, name: str) -> None:
    values = {"score": 0.5, "loss": 1.0, name: math.nan}
    session = open_session(lambda config, trial: trial.report(update=4, **values))
    assert run_to_end(session) == [4]
    assert session.summary is not None
    assert session.summary.outcome == "failed"
    assert session.summary.first_nonfinite == {"tensor": name.replace("_", " "), "update": 4}


@pytest.mark.parametrize("updates", [(5, 5), (5, 4), (-1,), (1.5,)])
def test_update_that_does_not_grow_is_an_error_also_if_it_is_caught(
    open_session: OpenSession, updates: tuple[float, ...]
) -> None:
    def train(config: Any, trial: Any) -> None:
        for update in updates:
            with suppress(ReportError):
                trial.report(update=update, score=0.0)

    session = open_session(train)
    with pytest.raises(ReportError, match="update="):
        run_to_end(session)


@pytest.mark.parametrize(
    "values",
    [{}, {"score": "high"}, {"score": torch.zeros(2)}, {"score": 0.1, "loss": []}, {"score": 1, "odd": {1}}],
)
def test_report_of_something_else_than_numbers_is_an_error(
    open_session: OpenSession, values: dict[str, Any]
) -> None:
    with pytest.raises(ReportError):
        run_to_end(open_session(lambda config, trial: trial.report(update=0, **values)))


def test_signals_reach_the_history(open_session: OpenSession, trial_folder: TrialFolder) -> None:
    def train(config: Any, trial: Any) -> None:
        trial.report(
            update=0,
            score=torch.tensor(0.5),
            loss=np.float32(0.25),
            rate=0.1,
            by_layer={"a": torch.ones(2), "b": math.inf},
        )

    run_to_end(open_session(train))
    (line,) = read_history(trial_folder.history)
    assert (line.score, line.train_loss) == (0.5, 0.25)
    assert line.signals == {"rate": 0.1, "by_layer": {"a": [1.0, 1.0], "b": None}}


def test_function_that_reports_nothing_is_an_error(open_session: OpenSession) -> None:
    with pytest.raises(OwnCodeError, match="without a report"):
        open_session(lambda config, trial: None).advance()


def test_state_that_cannot_be_stored_is_an_error_that_names_where(open_session: OpenSession) -> None:
    session = open_session(lambda config, trial: trial.report(0, score=0.0, state={"a": [object()]}))
    with pytest.raises(StateError, match=r"state\['a'\]\[0\]"):
        session.advance()


def test_what_a_function_prints_goes_to_a_bounded_file(
    open_session: OpenSession, trial_folder: TrialFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(config: Any, trial: Any) -> None:
        print("the first line")
        for _ in range(3000):
            print("x" * 99)
        print("the last line")
        trial.report(update=0, score=0.0)

    run_to_end(open_session(train))
    assert capsys.readouterr().out == ""
    text = trial_folder.output.read_text()
    assert text.startswith("the first line\n")
    assert text.endswith("the last line\n")
    assert len(text) < 101_000


def test_function_that_hangs_can_be_interrupted_with_its_last_state(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    release = threading.Event()

    def train(config: Any, trial: Any) -> None:
        trial.report(update=3, score=0.0, state={"at": 3})
        release.wait(30)

    is_stopped = threading.Event()
    session = open_session(train, is_stopped=is_stopped.is_set, timeout=60.0)
    session.advance()
    is_stopped.set()
    started = time.monotonic()
    assert session.advance() is None
    assert time.monotonic() - started < 5
    assert session.summary is not None
    assert session.summary.outcome is None
    release.set()
    seen = []
    resumed = open_session(
        lambda config, trial: seen.append((trial.state, trial.first_update, trial.number, trial.timeout))
    )
    run_to_end(resumed)
    assert seen == [({"at": 3}, 4, 7, None)]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_process_that_returns_or_reports_ends_without_a_trace(
    open_session: OpenSession, trial_folder: TrialFolder
) -> None:
    statuses = []

    def train(config: Any, trial: Any) -> None:
        for is_reporting in (False, True):
            child = os.fork()
            if child == 0:
                if is_reporting:
                    trial.report(update=50, score=1.0)
                return
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        trial.report(update=0, score=0.0)

    assert run_to_end(open_session(train)) == [0]
    assert statuses == [0, 1]
    assert [one.update for one in read_history(trial_folder.history)] == [0]


def test_superseded_attempt_writes_nothing_more(open_session: OpenSession, trial_folder: TrialFolder) -> None:
    current = [True]
    session = open_session(reporting(0.1, 0.2), is_current=lambda: current[0])
    session.advance()
    current[0] = False
    with pytest.raises(SupersededError):
        session.advance()
    assert [one.update for one in read_history(trial_folder.history)] == [0]
