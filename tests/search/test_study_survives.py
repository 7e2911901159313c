"""What a study finds after a crash at any moment: nothing lost, nothing repeated, the same decided."""

import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary
from failmap.run_folder.storage import AnyPath, store_of
from failmap.search.config import RunConfig
from failmap.search.lease_terms import LeaseTiming
from failmap.search.samplers import SAMPLERS
from failmap.search.study import Start, Study
from failmap.search.trial.config import TrialConfig
from tests.search.studies import (
    FAILED,
    LEARNED,
    MakeConfig,
    ask,
    crash,
    end_by_rule,
    open_study,
    optuna_trials,
    record,
)


def test_a_record_behind_the_journal_is_written_again(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    for _ in range(3):
        study.tell(ask(study).number, LEARNED)
    study.close()
    right = [folder.trial(number).record.read_text() for number in range(3)]
    folder.trial(0).record.unlink()
    folder.trial(1).record.write_text(right[1][:40])
    messages: list[str] = []
    open_study(make_config(), folder, messages)
    assert [folder.trial(number).record.read_text() for number in range(3)] == right
    (line,) = messages
    assert line.startswith("2 trial records")


def test_a_crash_between_summary_and_state_loses_nothing(make_config: MakeConfig, folder: RunFolder) -> None:
    study = open_study(make_config(), folder)
    study.tell(ask(study).number, LEARNED)
    crash(folder)
    *before, _ = folder.journal.read_text().splitlines(keepends=True)
    folder.journal.write_text("".join(before))
    resumed = open_study(make_config(), folder)
    assert resumed.known.outcomes() == {"learned": 1}
    assert ask(resumed).number == 1
    assert optuna_trials(folder)[0].state == TrialState.COMPLETE


def test_an_ended_trial_leaves_no_checkpoint_even_after_a_crash(
    make_config: MakeConfig, folder: RunFolder
) -> None:
    study = open_study(make_config(), folder)
    ended, unfinished = ask(study), ask(study)
    for start in (ended, unfinished):
        folder.trial(start.number).checkpoint.mkdir()
    study.tell(ended.number, LEARNED)
    assert not folder.trial(ended.number).checkpoint.exists()
    # As it was after the journal had been written, and nothing else.
    folder.trial(ended.number).checkpoint.mkdir()
    folder.trial(ended.number).record.unlink()
    crash(folder)
    open_study(make_config(), folder)
    assert not folder.trial(ended.number).checkpoint.exists()
    assert folder.trial(unfinished.number).checkpoint.exists()


def test_files_of_a_trial_that_the_journal_forgot_are_cleared(
    make_config: MakeConfig, folder: RunFolder
) -> None:
    ask(open_study(make_config(), folder))
    crash(folder)
    folder.trial(1).checkpoint.mkdir(parents=True)
    study = open_study(make_config(), folder)
    assert [ask(study).number, ask(study).number] == [0, 1]
    assert not folder.trial(1).checkpoint.exists()


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
    """What it had not yet pushed is lost with it, and was reported to nobody."""
    folder, config = RunFolder(s3_storage / "tiny"), make_config(pruner="halving")
    study = Study.open(config, folder, print, timing=LeaseTiming(beat_seconds=0.1))
    first, second = ask(study), ask(study)
    study.tell(first.number, LEARNED)
    study.report(second.number, 200, 0.25)
    # Its process lives: a beat that was on its way brings the lock back, until it has seen that it is gone.
    while study.holds_lease:
        with suppress(PermissionError):
            crash(folder)
    crash(folder)
    store_of(folder.path).remove(folder.trial(first.number).record)
    messages: list[str] = []
    resumed = open_study(config, folder, messages)
    assert resumed.known.outcomes() == {"learned": 1, None: 1}
    (line,) = messages
    assert line.startswith("1 trial records")
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
    summaries: dict[int, Summary] = {}
    running: dict[int, Start] = {}
    while True:
        if chance.random() < 0.1:
            crash(folder)
            study = open_study(config, folder)
            unfinished = [study.ask() for _ in range(len(running))]
            assert [start and start.number for start in unfinished] == sorted(running)
            running = {start.number: start for start in unfinished if start}
        elif len(running) < num_slots and (start := study.ask()) is not None:
            running[start.number] = start
        elif not running:
            break
        else:
            number = chance.choice(sorted(running))
            summaries[number] = end_by_rule(running.pop(number))
            study.tell(number, summaries[number])
    ended = {number: record(folder, number).summary for number in range(25)}
    assert {n: s and (s.outcome, s.score) for n, s in ended.items()} == {
        n: (s.outcome, s.score) for n, s in summaries.items()
    }
    seeds = [(note.cell, note.recipe_index, note.seed) for c in study.known.by_cell.values() for note in c]
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
    messages: list[str] = []
    study = open_study(make_config(), folder, messages)
    # Records: the study, then of each trial its beginning, its summary, its state.
    lines = journal[:size].split(b"\n")
    num_whole, is_torn = len(lines) - 1, lines[-1] != b""
    num_begun = (num_whole - 1 + 2) // 3 if num_whole else 0
    num_ended = sum(b'"summary"' in line for line in lines[:num_whole])
    outcomes = study.known.outcomes()
    assert (outcomes.total(), outcomes[None]) == (num_begun, num_begun - num_ended)
    assert sum("torn" in line for line in messages) == is_torn
    start = ask(study)
    assert start.number == num_ended, "what had not ended is asked first"
    study.tell(start.number, LEARNED)
    assert len(optuna_trials(folder)) == max(num_begun, num_ended + 1)
