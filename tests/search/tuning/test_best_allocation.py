"""The search for the best recipe, driven through a study whose trials end without a training."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from failmap.analysis.best.ranking import best_of, rank
from failmap.run_folder.objectives import Objective
from failmap.run_folder.paths import WEIGHTS_FILE, RunFolder
from failmap.run_folder.records import Outcome, Summary
from failmap.search.config import RunConfig
from failmap.search.study import Start
from tests.search.studies import ask, crash, open_study, optuna_trials, record

SCORE, PARAMETERS = Objective("score", "maximize"), Objective("parameters", "minimize")
AXES: list[dict[str, Any]] = [
    {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "log": True, "default": 3e-3},
    {"path": "model.hidden_size", "low": 8, "high": 64, "integer": True, "default": 32},
    {"path": "train.optimizer", "values": ["adam", "sgd"]},
    {"path": "train.momentum", "low": 0.0, "high": 0.95, "default": 0.0, "when": {"train.optimizer": "sgd"}},
]


def config_of(objective: Sequence[str] = ("score",), axes: Any = None, **words: Any) -> RunConfig:
    space = {
        "name": "tiny",
        "goal": "best",
        "objective": objective,
        "axes": AXES if axes is None else axes,
        "base": {"task": {"name": "adding"}, "model": {"name": "lstm"}},
    }
    return RunConfig.model_validate({"run": "tiny", "space": space, "sampler": "tpe", "keep": "best"} | words)


def value_of(start: Start) -> float:
    """What the training would come to: best at a rate of 0.01, with noise that follows from the seed."""
    rate = start.config.train.learning_rate
    noise = random.Random(f"{start.config.seed} {rate}").gauss(0, 0.05)
    return -abs(rate - 0.01) * 10 + noise


def end(start: Start, outcome: Outcome = "failed", *more: float) -> Summary:
    value = value_of(start)
    return Summary(outcome, "update budget spent", score=value, objectives=[value, *more])


def drive(study: Any, num_trials: int) -> list[Start]:
    starts = []
    for _ in range(num_trials):
        starts.append(ask(study))
        study.tell(starts[-1].number, end(starts[-1]))
    return starts


def test_leaders_are_repeated_on_fresh_seeds_within_their_share(folder: RunFolder) -> None:
    study = open_study(config_of(seed=3, budget={"leaders": 2, "seeds": 4, "repeat": 0.25}), folder)
    drive(study, 60)
    repeats = [trial for trial in study.known if trial.purpose == "confirm"]
    assert 10 <= len(repeats) <= 15
    assert all(trial.number >= 10 for trial in repeats), "the first ten are new recipes"
    seeds = {trial.recipe_index: [] for trial in study.known}
    for trial in study.known:
        seeds[trial.recipe_index].append(trial.seed)
    assert all(mine == list(range(3, 3 + len(mine))) for mine in seeds.values()), "the same seeds in order"
    assert max(map(len, seeds.values())) == 4
    assert Counter(trial.purpose for trial in study.known)["default"] == 1


def test_the_last_trials_are_the_leaders(folder: RunFolder) -> None:
    study = open_study(config_of(budget={"leaders": 3, "seeds": 4, "repeat": 0.25, "trials": 40}), folder)
    drive(study, 40)
    assert study.ask() is None
    ranking = rank(study.known, [SCORE])
    assert [len(one.numbers) for one in ranking[:3]].count(4) >= 2
    best = best_of(ranking, [SCORE])
    assert best is not None
    assert len(best.fresh_numbers) >= 2


def test_smaller_is_better_where_the_objective_says_so(folder: RunFolder) -> None:
    study = open_study(config_of(["validation_loss"], budget={"repeat": 0.4}), folder)
    starts = drive(study, 40)
    values = {start.number: value_of(start) for start in starts}
    repeated = {trial.recipe_index for trial in study.known if trial.purpose == "confirm"}
    first = {trial.recipe_index: values[trial.number] for trial in study.known if trial.purpose != "confirm"}
    assert min(first.values()) in [first[index] for index in repeated]
    assert max(first.values()) not in [first[index] for index in repeated]


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "nsga2", "random"])
def test_a_resumed_run_decides_as_one_that_was_not_interrupted(tmp_path: Path, sampler: str) -> None:
    config = config_of(sampler=sampler, budget={"repeat": 0.3})
    whole = open_study(config, RunFolder(tmp_path / "whole"))
    undisturbed = [start.config for start in drive(whole, 24)]
    folder = RunFolder(tmp_path / "broken")
    begun = []
    for part in (11, 9, 4):
        study = open_study(config, folder)
        begun += [start.config for start in drive(study, part)]
        crash(folder)
    assert begun == undisturbed


def test_an_exhausted_space_ends_with_confirmed_leaders(folder: RunFolder) -> None:
    axes = [{"path": "train.optimizer", "values": ["adam", "sgd", "rmsprop"]}]
    study = open_study(config_of(axes=axes, budget={"leaders": 2, "seeds": 3}), folder)
    count = 0
    while (start := study.ask()) is not None:
        noise = random.Random(count).random()
        study.tell(start.number, Summary("failed", "", objectives=[noise]))
        count += 1
    seeds = Counter(trial.recipe_index for trial in study.known)
    assert len(seeds) == 3
    assert sorted(seeds.values())[-2:] == [3, 3]


def test_errored_seeds_are_replaced_but_not_for_ever(folder: RunFolder) -> None:
    axes = [{"path": "train.optimizer", "values": ["adam", "sgd"]}]
    study = open_study(config_of(axes=axes, budget={"leaders": 1, "seeds": 3}), folder)
    while (start := study.ask()) is not None:
        is_first = study.known[start.number].purpose != "confirm"
        summary = Summary("failed", "", objectives=[0.5]) if is_first else Summary("errored", "broken")
        study.tell(start.number, summary)
    assert max(Counter(trial.recipe_index for trial in study.known).values()) == 6


def test_optuna_sees_objectives_and_directions(folder: RunFolder) -> None:
    study = open_study(config_of(["score", "parameters"], sampler="nsga2"), folder)
    for outcome in ("learned", "failed"):
        start = ask(study)
        study.tell(start.number, end(start, outcome, 100.0))
    start = ask(study)
    study.tell(start.number, Summary("failed", "not finite: loss", objectives=[]))
    study.close()
    trials = optuna_trials(folder)
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert trials[0].values[1] == 100.0
    assert record(folder, 2).outcome == "failed"


def test_a_front_is_confirmed(folder: RunFolder) -> None:
    """Larger networks score better here, so that the front is long."""
    config = config_of(["score", "parameters"], sampler="nsga2", budget={"seeds": 2, "repeat": 0.5})
    study = open_study(config, folder)
    for _ in range(60):
        start = ask(study)
        size = start.config.model.hidden_size
        study.tell(start.number, Summary("failed", "", objectives=[size / 64, float(size)]))
    front = [one for one in rank(study.known, [SCORE, PARAMETERS]) if one.front == 0]
    assert len(front) > 5
    assert sum(len(one.numbers) == 2 for one in front) > 5


def test_only_leaders_keep_their_weights(folder: RunFolder) -> None:
    config = config_of(budget={"leaders": 2, "seeds": 3, "trials": 60})
    study = open_study(config, folder)
    for _ in range(60):
        start = ask(study)
        (folder.trial(start.number).path / WEIGHTS_FILE).write_bytes(b"weights")
        study.tell(start.number, end(start))
    ranking = rank(study.known, [SCORE])
    kept = {int(path.parent.name) for path in folder.trials.glob(f"*/{WEIGHTS_FILE}")}
    assert set(ranking[0].numbers) <= kept
    assert len(kept) < 30, "while the run goes on, some more than the leaders"
    study.close()
    kept = {int(path.parent.name) for path in folder.trials.glob(f"*/{WEIGHTS_FILE}")}
    best = best_of(ranking, [SCORE])
    assert best is not None
    assert kept == {*ranking[0].numbers, *ranking[1].numbers, *best.numbers}


@pytest.mark.parametrize("name", ["halving", "hyperband", "median"])
def test_pruners_stop_bad_recipes_and_never_repeats(folder: RunFolder, name: str) -> None:
    halving = {"first_rung": 1, "factor": 2, "exempt_share": 0.0}
    study = open_study(config_of(pruner=name, halving=halving, budget={"repeat": 0.3}), folder)
    stopped = Counter[str]()
    for _ in range(60):
        start = ask(study)
        value, purpose = value_of(start), study.known[start.number].purpose
        if any(study.report(start.number, update, value, value) for update in range(50, 1501, 50)):
            study.tell(start.number, end(start, "censored"))
            stopped[purpose] += 1
        else:
            study.tell(start.number, end(start))
    assert stopped["explore"] > 3
    assert set(stopped) == {"explore"}
    best = best_of(rank(study.known, [SCORE]), [SCORE])
    assert best is not None
    assert not best.is_stopped


@pytest.mark.parametrize("name", ["halving", "hyperband", "median"])
def test_exempt_trials_are_never_stopped(folder: RunFolder, name: str) -> None:
    study = open_study(config_of(pruner=name, halving={"first_rung": 1, "exempt_share": 1.0}), folder)
    for _ in range(30):
        start = ask(study)
        value = value_of(start)
        assert not any(study.report(start.number, update, value, value) for update in range(50, 1501, 50))
        study.tell(start.number, end(start))
