"""What a study decides, and what it writes down: ask, report, tell, requeue."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import FaultKind, Outcome, Summary
from failmap.search.lease import driver_of
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.history import current_attempt
from tests.search.studies import FAILED, LEARNED, MakeConfig, ask, crash, open_study, optuna_trials, record


def test_a_trial_from_ask_to_record(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    start = ask(study)
    assert (start.number, start.attempt) == (0, 1)
    assert start.config.task.sequence_length == 5
    assert current_attempt(folder.trial(start.number)) == 1
    assert record(folder, 0).summary is None
    study.tell(0, LEARNED)
    written = record(folder, 0)
    assert written.summary is not None
    assert (written.summary.outcome, written.summary.score) == ("learned", 0.97)
    assert TrialConfig.model_validate(written.config) == start.config
    assert written.cell == {"task.sequence_length": 5, "model.depth": 1}
    assert written.recipe["output"] == "activation=none loss=mse"
    assert written.ended is not None
    assert written.started <= written.ended


def test_a_trial_begins_with_one_record_and_ends_with_two(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    counts = [len(folder.journal.read_text().splitlines())]
    start = ask(study)
    counts.append(len(folder.journal.read_text().splitlines()))
    study.report(start.number, 50, 0.5)
    study.tell(start.number, LEARNED)
    counts.append(len(folder.journal.read_text().splitlines()))
    assert counts == [1, 2, 4]


@pytest.mark.parametrize(
    ("outcome", "state", "value"),
    [
        ("learned", TrialState.COMPLETE, 0.97),
        ("failed", TrialState.COMPLETE, 0.97),
        ("censored", TrialState.PRUNED, 0.97),
        ("errored", TrialState.FAIL, None),
    ],
)
def test_outcomes_as_optuna_sees_them(
    make_config: MakeConfig, folder: RunFolder, outcome: Outcome, state: TrialState, value: float | None
) -> None:
    study = open_study(make_config(), folder)
    study.tell(ask(study).number, replace(LEARNED, outcome=outcome))
    (trial,) = optuna_trials(folder)
    assert (trial.state, trial.value) == (state, value)
    assert trial.user_attrs["summary"]["outcome"] == outcome


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_no_score_that_is_not_finite_gets_through(
    make_config: MakeConfig, folder: RunFolder, score: float
) -> None:
    study = open_study(make_config(), folder)
    start = ask(study)
    with pytest.raises(AssertionError):
        study.report(start.number, 50, score)
    with pytest.raises(AssertionError):
        study.tell(start.number, replace(FAILED, score=score))


def test_the_run_is_over_when_nothing_is_left(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(budget={"trials": 2}), folder)
    first, second = ask(study), ask(study)
    assert study.ask() is None
    study.tell(first.number, LEARNED)
    study.tell(second.number, FAILED)
    assert study.ask() is None


def test_an_interrupted_trial_goes_on_before_any_other(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(budget={"trials": 2}), folder)
    first, second = ask(study), ask(study)
    study.requeue(second.number)
    study.requeue(first.number)
    again = ask(study)
    assert again == replace(first, attempt=2)
    assert current_attempt(folder.trial(first.number)) == 2
    study.close()
    resumed = open_study(make_config(budget={"trials": 2}), folder)
    assert ask(resumed) == replace(first, attempt=3)
    assert ask(resumed) == replace(second, attempt=2)
    assert record(folder, 0).attempt == 3


def test_a_fault_is_kept_with_the_trial_and_in_its_record(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    start = ask(study)
    study.requeue_after_fault(start.number, "lost", "the node\n\0died\tat nan " + "x" * 10_000)
    (fault,) = study.faults(start.number)
    assert (fault.attempt, fault.kind, len(fault.reason)) == (1, "lost", 500)
    assert fault.reason.startswith("the node \0died at nan xxx")
    study.close()
    resumed = open_study(make_config(), folder)
    assert resumed.faults(start.number) == (fault,)
    assert record(folder, start.number).faults == (fault,), "the resume wrote it"
    assert ask(resumed) == replace(start, attempt=2)


@pytest.mark.parametrize(("kind", "is_kept"), [("preempted", True), ("lost", True), ("error", False)])
def test_trial_restarts_after_an_error_only(
    make_config: MakeConfig, folder: RunFolder, kind: FaultKind, is_kept: bool
) -> None:
    study = open_study(make_config(), folder)
    start = ask(study)
    folder.trial(start.number).checkpoint.mkdir()
    study.requeue_after_fault(start.number, kind, "as it is")
    crash(folder)
    resumed = open_study(make_config(), folder)
    assert folder.trial(ask(resumed).number).checkpoint.exists() is is_kept
    # The next start has a checkpoint of its own, which no fault of before spoils.
    folder.trial(start.number).checkpoint.mkdir(exist_ok=True)
    resumed.requeue(start.number)
    assert folder.trial(ask(resumed).number).checkpoint.exists()


def test_a_batch_is_halved_again_and_again_but_not_away(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    whole = ask(study).config.train.batch_size
    assert isinstance(whole, int)
    batch_sizes = [whole]
    while batch_sizes[-1] > 1:
        study.requeue_after_fault(0, "out_of_memory", "no room", halve_batch=True)
        batch_sizes.append(ask(study).config.train.batch_size)
    assert batch_sizes == [whole >> times for times in range(len(batch_sizes))]
    with pytest.raises(AssertionError, match="no batch that can be halved"):
        study.requeue_after_fault(0, "out_of_memory", "no room", halve_batch=True)


def test_a_journal_of_before_there_were_faults_opens(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    study.tell(ask(study).number, LEARNED)
    study.close()
    old = json.loads(folder.trial(0).record.read_text())
    del old["faults"], old["batch_halvings"]
    folder.trial(0).record.write_text(json.dumps(old))
    messages: list[str] = []
    assert open_study(make_config(), folder, messages).faults(0) == ()
    assert messages == []


def test_the_live_view_sees_all_trials(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    for summary in (LEARNED, FAILED, Summary("errored", "out of memory")):
        study.tell(ask(study).number, summary)
    running = ask(study)
    study.report(running.number, 50, 0.25)
    results = study.known
    notes = results.by_cell[results[running.number].cell]
    assert [(note.outcome, note.score) for note in notes] == [
        ("learned", 0.97),
        ("failed", 0.1),
        ("errored", 0.0),
        (None, 0.25),
    ]
    assert results.outcomes() == {"learned": 1, "failed": 1, "errored": 1, None: 1}


def test_only_one_driver_at_a_time(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    with pytest.raises(UserError, match="is driven by process"):
        open_study(make_config(), folder)
    study.close()
    open_study(make_config(), folder)


def test_a_folder_that_cannot_be_written_is_one_line(make_config: MakeConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file.*: (File exists|Not a directory)"):
        open_study(make_config(), RunFolder(tmp_path / "file" / "run"))


def test_a_run_that_cannot_be_opened_leaves_no_lock(make_config: MakeConfig, folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    folder.journal.write_text("no record\n")
    with pytest.raises(UserError, match="line 1 is corrupt"):
        open_study(make_config(), folder)
    assert driver_of(folder) is None


def test_a_run_goes_on_with_more_values_and_more_budget(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(lengths=[5]), folder)
    while (start := study.ask()) is not None:
        study.tell(start.number, FAILED)
    study.close()
    more = make_config(lengths=[5, 10, 20], sampler="tpe", budget={"recipes": 2})
    study = open_study(more, folder)
    while (start := study.ask()) is not None:
        study.tell(start.number, FAILED)
    trials = optuna_trials(folder)
    assert len(trials) == 3 * 2 * (6 + 3)
    assert trials[0].params["task.sequence_length"] == 5
    assert trials[-1].params["task.sequence_length"] in (5, 10, 20)


def test_a_run_goes_on_under_another_name(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    study.tell(ask(study).number, LEARNED)
    study.close()
    renamed = RunFolder(folder.path.rename(folder.path.with_name("renamed")))
    assert ask(open_study(make_config(), renamed)).number == 1


def test_halving_stops_a_loser_and_never_the_default_recipe(
    make_config: MakeConfig, folder: RunFolder
) -> None:
    config = make_config(
        lengths=[5], depths=[1], pruner="halving", halving={"exempt_share": 0.0}, budget={"recipes": 3}
    )
    study = open_study(config, folder)
    for seed in range(6):
        start = ask(study)
        assert not study.report(start.number, 200, -0.1 * seed)
        study.tell(start.number, FAILED)
    best, worst = ask(study), ask(study)
    assert not study.report(best.number, 200, 0.5)
    assert not study.report(worst.number, 150, 0.1), "no rung"
    assert study.report(worst.number, 200, 0.1)
    study.tell(worst.number, replace(FAILED, outcome="censored"))
    assert optuna_trials(folder)[worst.number].intermediate_values == {200: 0.1}
