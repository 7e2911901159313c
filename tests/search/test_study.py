import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from analysis.errors import UserError
from analysis.records import FaultKind, Outcome, Summary, TrialRecord
from analysis.run_folder import RunFolder
from analysis.storage import AnyPath, read_text, store_of
from search.config import RunConfig
from search.drivers import driver_of
from search.lock import Pace
from search.samplers import SAMPLERS
from search.study import Start, Study
from search.trial.attempt import current_attempt
from search.trial.config import TrialConfig

MakeConfig = Callable[..., RunConfig]

LEARNED = Summary("learned", "criterion met", updates=700, score=0.97, best_score=0.97, target_score=0.95)
FAILED = replace(LEARNED, outcome="failed", reason="update budget spent", score=0.1, best_score=0.2)


def cost(config: TrialConfig) -> float:
    return config.task.sequence_length * config.model.depth


def open_study(config: RunConfig, folder: RunFolder, told: list[str] | None = None) -> Study:
    return Study.open(config, folder, ([] if told is None else told).append, cost)


def crash(folder: RunFolder) -> None:
    """What kill -9 leaves, but for the lock of a process that is gone: this one is not."""
    store_of(folder.path).remove_tree(folder.lock)


def ask(study: Study) -> Start:
    start = study.ask()
    assert start is not None
    return start


def end_by_rule(start: Start) -> Summary:
    """How the training of this configuration ends, whenever and wherever it runs."""
    draw = random.Random(json.dumps(start.config.model_dump(mode="json"))).random()
    hard = start.config.task.sequence_length * start.config.model.depth
    if draw < 0.1:
        return Summary("errored", "out of memory")
    return replace(LEARNED if draw * 12 > hard else FAILED, score=draw)


def record(folder: RunFolder, number: int) -> TrialRecord:
    return TrialRecord.from_json(read_text(folder.trial(number).record))


def optuna_trials(folder: RunFolder) -> list[optuna.trial.FrozenTrial]:
    """The journal as any other program sees it."""
    backend = JournalFileBackend(str(folder.journal))
    return optuna.load_study(study_name=None, storage=JournalStorage(backend)).trials


def test_a_trial_from_ask_to_record(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    start = ask(study)
    assert (start.number, start.attempt) == (0, 1)
    assert start.config.task.sequence_length == 5
    assert current_attempt(start.folder) == 1
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
    assert not study.is_over
    study.tell(second.number, FAILED)
    assert study.is_over
    assert study.ask() is None


def test_an_interrupted_trial_goes_on_before_any_other(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(budget={"trials": 2}), folder)
    first, second = ask(study), ask(study)
    study.put_back(second.number)
    study.put_back(first.number)
    assert not study.is_over
    again = ask(study)
    assert again == replace(first, attempt=2)
    assert current_attempt(first.folder) == 2
    study.close()
    resumed = open_study(make_config(budget={"trials": 2}), folder)
    assert ask(resumed) == replace(first, attempt=3)
    assert ask(resumed) == replace(second, attempt=2)
    assert record(folder, 0).attempt == 3


def test_a_fault_is_kept_with_the_trial_and_in_its_record(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    start = ask(study)
    study.put_back_after(start.number, "lost", "the node\n\0died\tat nan " + "x" * 10_000)
    (fault,) = study.faults(start.number)
    assert (fault.attempt, fault.kind, len(fault.reason)) == (1, "lost", 500)
    assert fault.reason.startswith("the node \0died at nan xxx")
    study.close()
    resumed = open_study(make_config(), folder)
    assert resumed.faults(start.number) == (fault,)
    assert record(folder, start.number).faults == (fault,), "the resume wrote it"
    assert ask(resumed) == replace(start, attempt=2)


@pytest.mark.parametrize(("kind", "is_kept"), [("preempted", True), ("lost", True), ("error", False)])
def test_only_after_an_error_a_trial_begins_anew_even_if_the_driver_dies_in_between(
    make_config: MakeConfig, folder: RunFolder, kind: FaultKind, is_kept: bool
) -> None:
    study = open_study(make_config(), folder)
    start = ask(study)
    start.folder.checkpoint.mkdir()
    study.put_back_after(start.number, kind, "as it is")
    crash(folder)
    resumed = open_study(make_config(), folder)
    assert ask(resumed).folder.checkpoint.exists() is is_kept
    # The next start has a checkpoint of its own, which no fault of before spoils.
    start.folder.checkpoint.mkdir(exist_ok=True)
    resumed.put_back(start.number)
    assert ask(resumed).folder.checkpoint.exists()


def test_a_batch_is_halved_again_and_again_but_not_away(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    whole = ask(study).config.train.batch_size
    assert isinstance(whole, int)
    batch_sizes = [whole]
    while batch_sizes[-1] > 1:
        study.put_back_after(0, "out_of_memory", "no room", halve_batch=True)
        batch_sizes.append(ask(study).config.train.batch_size)
    assert batch_sizes == [whole >> times for times in range(len(batch_sizes))]
    with pytest.raises(AssertionError, match="no batch that can be halved"):
        study.put_back_after(0, "out_of_memory", "no room", halve_batch=True)


def test_a_journal_of_before_there_were_faults_opens(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    study.tell(ask(study).number, LEARNED)
    study.close()
    old = json.loads(folder.trial(0).record.read_text())
    del old["faults"], old["batch_halvings"]
    folder.trial(0).record.write_text(json.dumps(old))
    told: list[str] = []
    assert open_study(make_config(), folder, told).faults(0) == ()
    assert told == []


def test_the_live_view_sees_all_trials(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    for summary in (LEARNED, FAILED, Summary("errored", "out of memory")):
        study.tell(ask(study).number, summary)
    running = ask(study)
    study.report(running.number, 50, 0.25)
    results = study.results()
    notes = results.cells[running.cell]
    assert [(note.outcome, note.score) for note in notes] == [
        ("learned", 0.97),
        ("failed", 0.1),
        ("errored", 0.0),
        (None, 0.25),
    ]
    assert (results.outcomes, results.num_unfinished) == ({"learned": 1, "failed": 1, "errored": 1}, 1)


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


def test_a_record_behind_the_journal_is_written_again(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    for _ in range(3):
        study.tell(ask(study).number, LEARNED)
    study.close()
    right = [folder.trial(number).record.read_text() for number in range(3)]
    folder.trial(0).record.unlink()
    folder.trial(1).record.write_text(right[1][:40])
    told: list[str] = []
    open_study(make_config(), folder, told)
    assert [folder.trial(number).record.read_text() for number in range(3)] == right
    assert told == ["2 trial records were behind the journal, and were written again from it"]


def test_a_crash_between_summary_and_state_loses_nothing(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    study.tell(ask(study).number, LEARNED)
    crash(folder)
    *before, _ = folder.journal.read_text().splitlines(keepends=True)
    folder.journal.write_text("".join(before))
    resumed = open_study(make_config(), folder)
    assert resumed.results().outcomes == {"learned": 1}
    assert ask(resumed).number == 1
    assert optuna_trials(folder)[0].state == TrialState.COMPLETE


def test_an_ended_trial_leaves_no_checkpoint_even_after_a_crash(
    make_config: MakeConfig, folder: RunFolder
) -> None:
    study = open_study(make_config(), folder)
    ended, unfinished = ask(study), ask(study)
    for start in (ended, unfinished):
        start.folder.checkpoint.mkdir()
    study.tell(ended.number, LEARNED)
    assert not ended.folder.checkpoint.exists()
    # As it was after the journal had been written, and nothing else.
    ended.folder.checkpoint.mkdir()
    ended.folder.record.unlink()
    crash(folder)
    open_study(make_config(), folder)
    assert not ended.folder.checkpoint.exists()
    assert unfinished.folder.checkpoint.exists()


def test_files_of_a_trial_that_the_journal_forgot_are_cleared(
    make_config: MakeConfig, folder: RunFolder
) -> None:
    ask(open_study(make_config(), folder))
    crash(folder)
    folder.trial(1).checkpoint.mkdir(parents=True)
    study = open_study(make_config(), folder)
    assert [ask(study).number, ask(study).number] == [0, 1]
    assert not folder.trial(1).checkpoint.exists()


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
    assert len(trials) == 3 * 2 * 2 * 4
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
    for seed in range(4):
        start = ask(study)
        assert not study.report(start.number, 200, -0.1 * seed)
        study.tell(start.number, FAILED)
    best, worst = ask(study), ask(study)
    assert not study.report(best.number, 200, 0.5)
    assert not study.report(worst.number, 150, 0.1), "no rung"
    assert study.report(worst.number, 200, 0.1)
    study.tell(worst.number, replace(FAILED, outcome="censored"))
    assert optuna_trials(folder)[worst.number].intermediate_values == {200: 0.1}


def run_to_the_end(config: RunConfig, folder: RunFolder, crashes: random.Random | None) -> list[TrialConfig]:
    """Runs trials one by one, and dies at random moments. Returns the configurations by number."""
    study, told_numbers = open_study(config, folder), set()
    configs: dict[int, TrialConfig] = {}
    while True:
        if crashes and crashes.random() < 0.2:
            crash(folder)
            study = open_study(config, folder)
        start = study.ask()
        if start is None:
            break
        assert configs.setdefault(start.number, start.config) == start.config
        if crashes and crashes.random() < 0.2:
            crash(folder)
            study = open_study(config, folder)
            continue
        assert start.number not in told_numbers, "a finished trial is never repeated"
        study.tell(start.number, end_by_rule(start))
        told_numbers.add(start.number)
    study.close()
    assert told_numbers == set(configs)
    return [configs[number] for number in range(len(configs))]


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_a_run_that_dies_again_and_again_tries_the_same(
    make_config: MakeConfig, tmp_path: Path, sampler: str
) -> None:
    config = make_config(sampler=sampler, budget={"recipes": 3, "trials": 40})
    undisturbed = run_to_the_end(config, RunFolder(tmp_path / "undisturbed"), None)
    disturbed = run_to_the_end(config, RunFolder(tmp_path / "disturbed"), random.Random(0))
    assert disturbed == undisturbed


def test_a_run_in_an_object_store_tries_the_same(
    make_config: MakeConfig, tmp_path: Path, s3_storage: AnyPath
) -> None:
    config = make_config(sampler="tpe", budget={"recipes": 3, "trials": 16})
    undisturbed = run_to_the_end(config, RunFolder(tmp_path / "undisturbed"), None)
    disturbed = run_to_the_end(config, RunFolder(s3_storage / "disturbed"), random.Random(1))
    assert disturbed == undisturbed


def test_what_a_driver_decided_in_an_object_store_outlives_it(
    make_config: MakeConfig, s3_storage: AnyPath
) -> None:
    """What it had not yet pushed is lost with it, and was told to nobody."""
    folder, config = RunFolder(s3_storage / "tiny"), make_config(pruner="halving")
    study = Study.open(config, folder, print, cost, pace=Pace(beat_seconds=0.1))
    first, second = ask(study), ask(study)
    study.tell(first.number, LEARNED)
    study.report(second.number, 200, 0.25)
    # Its process lives: a beat that was on its way brings the lock back, until it has seen that it is gone.
    while study.is_in_charge:
        crash(folder)
    crash(folder)
    store_of(folder.path).remove(folder.trial(first.number).record)
    told: list[str] = []
    resumed = open_study(config, folder, told)
    assert resumed.results().outcomes == {"learned": 1}
    assert told == ["1 trial records were behind the journal, and were written again from it"]
    assert ask(resumed) == replace(second, attempt=2)
    with pytest.raises(UserError, match=r"was taken over by .*: nothing more is written here"):
        study.tell(second.number, LEARNED)
    assert record(folder, second.number).attempt == 2
    assert record(folder, second.number).summary is None


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 2**32), num_slots=st.integers(1, 6))
def test_no_finished_trial_is_lost_whenever_the_driver_dies(
    make_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory, seed: int, num_slots: int
) -> None:
    chance, folder = random.Random(seed), RunFolder(tmp_path_factory.mktemp("run"))
    config = make_config(budget={"recipes": 2, "trials": 25})
    study = open_study(config, folder)
    told: dict[int, Summary] = {}
    running: dict[int, Start] = {}
    while not study.is_over:
        if chance.random() < 0.1:
            crash(folder)
            study = open_study(config, folder)
            unfinished = [study.ask() for _ in range(len(running))]
            assert [start and start.number for start in unfinished] == sorted(running)
            running = {start.number: start for start in unfinished if start}
        elif len(running) < num_slots and (start := study.ask()) is not None:
            running[start.number] = start
        else:
            number = chance.choice(sorted(running))
            told[number] = end_by_rule(running.pop(number))
            study.tell(number, told[number])
    ended = {number: record(folder, number).summary for number in range(25)}
    assert {n: s and (s.outcome, s.score) for n, s in ended.items()} == {
        n: (s.outcome, s.score) for n, s in told.items()
    }
    seeds = [(note.cell, note.recipe_index, note.seed) for c in study.results().cells.values() for note in c]
    assert len(set(seeds)) == len(seeds) == 25


@pytest.fixture(scope="module")
def journal(make_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of a run with three trials that ended and one that had not."""
    folder = RunFolder(tmp_path_factory.mktemp("whole") / "tiny")
    study = open_study(make_config(), folder)
    for summary in (LEARNED, FAILED, Summary("errored", "out of memory")):
        study.tell(ask(study).number, summary)
    ask(study)
    return folder.journal.read_bytes()


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_journal_torn_at_any_byte_goes_on(
    make_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory, journal: bytes, data: st.DataObject
) -> None:
    size = data.draw(st.integers(0, len(journal)))
    folder = RunFolder(tmp_path_factory.mktemp("torn") / "tiny")
    folder.path.mkdir()
    folder.journal.write_bytes(journal[:size])
    told: list[str] = []
    study = open_study(make_config(), folder, told)
    # Records: the study, then of each trial its beginning, its summary, its state.
    lines = journal[:size].split(b"\n")
    num_whole, is_torn = len(lines) - 1, lines[-1] != b""
    num_begun = (num_whole - 1 + 2) // 3 if num_whole else 0
    num_ended = sum(b'"summary"' in line for line in lines[:num_whole])
    assert study.results().outcomes.total() == num_ended
    assert study.results().num_unfinished == num_begun - num_ended
    assert sum("torn" in line for line in told) == is_torn
    start = ask(study)
    assert start.number == num_ended, "what had not ended is asked first"
    study.tell(start.number, LEARNED)
    assert len(optuna_trials(folder)) == max(num_begun, num_ended + 1)
