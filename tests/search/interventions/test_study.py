"""Interventions in a run's journal: recorded, resumed, and ignored by the map."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import load_study

from failmap.analysis.load import load_run
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary, TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.search.config import RunConfig
from failmap.search.interventions.plan import UNCHANGED, Plan
from failmap.search.interventions.request import RescueArguments, read_session
from failmap.search.interventions.rescue_plan import plan_rescue
from failmap.search.interventions.schedule import InterventionSchedule
from failmap.search.interventions.view import replay
from failmap.search.loading import to_yaml
from failmap.search.study import Start
from failmap.search.trial.config import TrialConfig
from tests.search.interventions.runs import DIVERGED, LEARNED, open_study, run_all

MakeConfig = Callable[..., RunConfig]


def end(config: TrialConfig) -> Summary:
    """Length 10 diverges unless gradients are clipped."""
    is_stable = config.task.sequence_length < 10 or config.train.clip_norm is not None
    return LEARNED if is_stable else DIVERGED


@pytest.fixture
def config(make_config: MakeConfig) -> RunConfig:
    return make_config()


@pytest.fixture
def mapped(config: RunConfig, folder: RunFolder) -> RunFolder:
    """A complete run in which two cells learn and two diverge."""
    folder.path.mkdir(parents=True)
    write_atomically(folder.config, to_yaml(config))
    run_all(open_study(config, folder), end)
    return folder


def plan_of(folder: RunFolder, *arguments: str) -> Plan:
    named = [f"run={folder.name}", f"storage={folder.path.parent}", *arguments]
    return plan_rescue(read_session("rescue", RescueArguments, named), load_run(folder))


def rescue(config: RunConfig, folder: RunFolder, *arguments: str) -> list[Start]:
    return run_all(open_study(config, folder, InterventionSchedule(plan_of(folder, *arguments))), end)


def record(folder: RunFolder, number: int) -> TrialRecord:
    return TrialRecord.from_json(folder.trial(number).record.read_text())


def test_rescue_from_plan_to_records(config: RunConfig, mapped: RunFolder) -> None:
    before = load_run(mapped).records
    rescue(config, mapped)
    records = load_run(mapped).records
    assert records[: len(before)] == before
    new = records[len(before) :]
    assert {one.purpose for one in new} == {"intervene"}
    clipped = next(one for one in new if one.intervention and one.intervention.name == "clip")
    assert clipped.intervention is not None
    assert clipped.intervention.changes == {"train.clip_norm": 1.0}
    assert clipped.config["train"]["clip_norm"] == 1.0
    assert (clipped.recipe, clipped.recipe_index) == (before[-1].recipe, 0)
    assert clipped.summary is not None
    assert clipped.summary.outcome == "learned"


def test_optuna_can_read_the_journal(config: RunConfig, mapped: RunFolder) -> None:
    rescue(config, mapped)
    backend = JournalFileBackend(str(mapped.journal))
    trials = load_study(study_name=None, storage=JournalStorage(backend)).trials
    changed = [trial for trial in trials if trial.user_attrs["purpose"] == "intervene"]
    assert changed
    for trial in changed:
        assert trial.user_attrs["intervention"]["name"]
        assert all(trial.distributions[name]._contains(trial.distributions[name].to_internal_repr(value))
                   for name, value in trial.params.items())  # fmt: skip


def test_records_are_restored_from_the_journal(config: RunConfig, mapped: RunFolder) -> None:
    last = rescue(config, mapped)[-1].number
    right = record(mapped, last)
    mapped.trial(last).record.unlink()
    open_study(config, mapped).close()
    assert record(mapped, last) == right
    assert right.intervention is not None


def test_map_ignores_interventions(config: RunConfig, mapped: RunFolder) -> None:
    study = open_study(config, mapped)
    before = {cell: list(notes) for cell, notes in study.known.by_cell.items()}
    study.close()
    starts = rescue(config, mapped)
    study = open_study(config, mapped)
    after = study.known
    assert after.by_cell == before
    assert after.outcomes() == {"learned": 12, "failed": 12}
    assert after.outcomes(interventions=True).total() == len(starts)
    assert study.ask() is None


def test_search_continues_as_without_interventions(make_config: MakeConfig, tmp_path: Path) -> None:
    """A larger budget later: samplers and seeds ignore the interventions in between."""
    asked = []
    for name, is_rescued in (("with", True), ("without", False)):
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        config = make_config(sampler="tpe")
        write_atomically(folder.config, to_yaml(config))
        run_all(open_study(config, folder), end)
        if is_rescued:
            rescue(config, folder)
        more = config.model_copy(update={"budget": config.budget.model_copy(update={"recipes": 3})})
        asked.append([start.config for start in run_all(open_study(more, folder), end)])
    assert asked[0] == asked[1] != []


def test_next_session_finishes_interventions(config: RunConfig, mapped: RunFolder) -> None:
    study = open_study(config, mapped, InterventionSchedule(plan_of(mapped)))
    first, second = study.ask(), study.ask()
    study.close()
    assert first is not None
    assert second is not None
    study = open_study(config, mapped)
    assert (study.known.outcomes()[None], study.known.outcomes(interventions=True).total()) == (0, 2)
    starts = run_all(study, end)
    assert [(start.number, start.attempt) for start in starts] == [(first.number, 2), (second.number, 2)]
    assert [start.config for start in starts] == [first.config, second.config]


def test_same_command_continues_until_nothing_is_left(config: RunConfig, mapped: RunFolder) -> None:
    first = rescue(config, mapped, "budget.trials=3")
    assert len(first) == 3
    second = rescue(config, mapped, "budget.trials=1000")
    assert second
    assert rescue(config, mapped) == []
    more = rescue(config, mapped, "seeds=6")
    assert {start.config.seed for start in more} == {5}


def test_replayed_records_give_the_same_next_trial(config: RunConfig, mapped: RunFolder) -> None:
    rescue(config, mapped, "budget.trials=9")
    plan = plan_of(mapped)
    replayed = InterventionSchedule(plan)
    replay(replayed, config.space, load_run(mapped).records)
    study = open_study(config, mapped, InterventionSchedule(plan))
    start, trial = study.ask(), replayed.next()
    assert start is not None
    assert trial is not None
    assert start.config == trial.config


def test_rescue_with_crashes_runs_the_same_trials(make_config: MakeConfig, tmp_path: Path) -> None:
    """One trial at a time; a driver dies between any two steps, and the same command continues."""
    chance = random.Random(0)
    tried = []
    for name, is_disturbed in (("undisturbed", False), ("disturbed", True)):
        folder = RunFolder(tmp_path / name / "tiny")
        folder.path.mkdir(parents=True)
        config = make_config()
        write_atomically(folder.config, to_yaml(config))
        run_all(open_study(config, folder), end)
        study = open_study(config, folder, InterventionSchedule(plan_of(folder, "seeds=7")))
        while (start := study.ask()) is not None:
            dies_before, dies_after = (is_disturbed and chance.random() < 0.2 for _ in range(2))
            if not dies_before:
                study.tell(start.number, end(start.config))
            if dies_before or dies_after:
                shutil.rmtree(folder.lock)
                study = open_study(config, folder, InterventionSchedule(plan_of(folder, "seeds=7")))
        study.close()
        tried.append(
            [(one.number, one.seed, one.intervention, one.config) for one in load_run(folder).records]
        )
    assert tried[0] == tried[1]
    names = {one.intervention.name for one in load_run(folder).records if one.intervention}
    assert names >= {UNCHANGED, "lower_rate", "clip", "zero_rate"}
