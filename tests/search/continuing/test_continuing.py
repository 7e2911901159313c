"""Failed trials are trained on, as if they had never ended."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from failmap.analysis.load import load_run
from failmap.analysis.map.failure_map import build_map
from failmap.analysis.map.updates import run_within, update_steps
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import STATE_FILE, RunFolder, TrialFolder
from failmap.run_folder.records import Evaluation, Intervention, Summary, TrialRecord
from failmap.run_folder.storage import read_text, write_atomically
from failmap.search.allocation.map_allocation import MapAllocation, NextTrial
from failmap.search.commands.merge import merge_runs, read_merge
from failmap.search.config import RunConfig
from failmap.search.continuing.ends import kept_ends
from failmap.search.continuing.obstacles import obstacle
from failmap.search.loading import from_yaml, resume_config, to_yaml
from failmap.search.provenance import begin_session
from failmap.search.study import Start, Study
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession
from failmap.search.worker import Worker

#: One cell, in which an LSTM needs more than 160 updates to add two numbers of five.
SPACE: dict[str, Any] = {
    "name": "short",
    "map": {"x": "task.sequence_length", "y": "model.depth"},
    "axes": [{"path": "task.sequence_length", "values": [5]}, {"path": "model.depth", "values": [1]}],
    "base": {
        "task": {"name": "adding", "test_size": 64},
        "model": {"name": "lstm", "hidden_size": 24},
        "train": {"max_updates": 160, "evaluate_every": 20, "learning_rate": 0.003},
    },
}


@pytest.fixture
def config() -> RunConfig:
    budget = {"seeds": 2, "max_seeds": 2}
    return RunConfig.model_validate(
        {"run": "short", "space": SPACE, "budget": budget, "futility": {"max_wrong": 0}}
    )


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "short")


class OneLonger(MapAllocation):
    """Allocates a rescue's longer training of the first trial, and nothing else."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self._config, self._is_begun = config, False

    def next(self) -> NextTrial | None:
        if self._is_begun:
            return None
        self._is_begun = True
        cell = next(self._config.space.cells())
        recipe = self._config.space.default_recipe(cell)
        trial = self._config.space.built_in_trial(cell, recipe, 0)
        longer = trial.model_copy(update={"train": trial.train.model_copy(update={"max_updates": 320})})
        change = Intervention("rescue", "more_updates", {"train.max_updates": 320}, 0)
        return NextTrial(cell, 0, recipe, "intervene", longer, change, continues=0)


def session(config: RunConfig, folder: RunFolder) -> list[Start]:
    """Run a session to its end, without Ray, and return the trials that it began."""
    study = Study.open(config, folder, lambda line: None)
    worker = Worker(
        folder,
        device="cpu",
        num_threads=1,
        keep="all",
        test=False,
        keep_final=config.budget.keep_gigabytes > 0,
    )
    begun = []
    while (start := study.ask()) is not None:
        begun.append(start)
        worker.begin(start.number, start.attempt)
        result = worker.advance()
        while not result["done"]:
            result = worker.advance()
        study.tell(start.number, Summary.from_dict(json.loads(result["summary"])))
    study.close()
    return begun


def record(folder: RunFolder, number: int) -> TrialRecord:
    return TrialRecord.from_json(read_text(folder.trial(number).record))


def history(folder: TrialFolder) -> list[tuple[Any, ...]]:
    lines = [Evaluation.from_line(line) for line in read_text(folder.history).splitlines()]
    return [(one.update, one.train_loss, one.validation_loss, one.metric) for one in lines]


def test_a_resume_with_more_updates_continues_bit_by_bit(
    config: RunConfig, folder: RunFolder, tmp_path: Path
) -> None:
    session(config, folder)
    assert [record(folder, n).outcome for n in (0, 1)] == ["failed", "failed"]
    assert len(kept_ends(folder, (record(folder, number) for number in (0, 1)))) == 2
    more = resume_config(config, ["train.max_updates=320"])
    begun = session(more, folder)
    assert sorted(record(folder, start.number).continues for start in begun) == [0, 1]
    for start in begun:
        source = record(folder, start.number).continues
        assert start.config.train.max_updates == 320
        undisturbed = TrialSession(
            start.config, TrialFolder(tmp_path / f"long{source}"), torch.device("cpu"), keep="all"
        )
        while undisturbed.summary is None:
            undisturbed.advance()
        mine = folder.trial(start.number)
        assert history(mine) == history(undisturbed.folder)
        assert (mine.path / "weights.safetensors").read_bytes() == (
            undisturbed.folder.path / "weights.safetensors"
        ).read_bytes()
        assert not (folder.trial(source).final / STATE_FILE).exists()
    assert not session(more, folder)


def test_without_room_for_states_none_is_kept(config: RunConfig, folder: RunFolder) -> None:
    budget = config.budget.model_copy(update={"keep_gigabytes": 0})
    session(config.model_copy(update={"budget": budget}), folder)
    assert not list(folder.path.rglob(STATE_FILE))


def test_the_lowest_scores_go_first(config: RunConfig, folder: RunFolder) -> None:
    session(config, folder)
    size = len((folder.trial(0).final / STATE_FILE).read_bytes())
    narrow = RunFolder(folder.path.parent / "narrow")
    budget = config.budget.model_copy(update={"seeds": 4, "max_seeds": 4, "keep_gigabytes": 2.5 * size / 1e9})
    narrowed = config.model_copy(update={"budget": budget})
    session(narrowed, narrow)
    scores = {number: record(narrow, number).summary.score for number in range(4)}
    kept = {number for number in scores if (narrow.trial(number).final / STATE_FILE).exists()}
    assert kept == set(sorted(scores, key=scores.get)[-2:])
    # A later session knows the same.
    begun = session(resume_config(narrowed, ["train.max_updates=180"]), narrow)
    assert {record(narrow, start.number).continues for start in begun} == kept


def test_a_rescue_leaves_the_end_to_those_who_train_on(config: RunConfig, folder: RunFolder) -> None:
    """An intervention begins there as well; the map's own trial can still be continued."""
    session(config, folder)
    study = Study.open(config, folder, lambda line: None, allocation=OneLonger(config))
    start = study.ask()
    assert start is not None
    assert history(folder.trial(start.number))[-1][0] == 160
    study.tell(start.number, Summary("failed", "update budget spent", updates=320, score=0.7, best_score=0.7))
    study.close()
    begun = session(resume_config(config, ["train.max_updates=320"]), folder)
    assert sorted(record(folder, one.number).continues for one in begun) == [0, 1]


def test_a_continuation_that_fails_by_a_fault_begins_again_at_the_same_end(
    config: RunConfig, folder: RunFolder
) -> None:
    session(config, folder)
    more = resume_config(config, ["train.max_updates=200"])
    study = Study.open(more, folder, lambda line: None)
    start = study.ask()
    study.requeue_after_fault(start.number, "error", "as a test wants it")
    study.close()
    begun = session(more, folder)
    assert begun[0].attempt == 2
    updates = [one[0] for one in history(folder.trial(start.number))]
    assert updates == list(range(20, 201, 20))
    source = record(folder, start.number).continues
    assert history(folder.trial(start.number))[:8] == history(folder.trial(source))


def test_extensions_have_their_share_of_the_cost(config: RunConfig, folder: RunFolder) -> None:
    budget = config.budget.model_copy(update={"seeds": 8, "max_seeds": 8, "extend": 0.5})
    begun = session(config.model_copy(update={"budget": budget}), folder)
    longer = [start for start in begun if record(folder, start.number).continues is not None]
    # Each takes two more budgets: half of 8 pays for 2 of them.
    assert len(longer) == 2
    assert {start.config.train.max_updates for start in longer} == {480}


def test_where_updates_are_an_axis_nothing_is_extended(config: RunConfig, folder: RunFolder) -> None:
    axes = [*SPACE["axes"], {"path": "train.max_updates", "values": [160, 480]}]
    space = RunConfig.model_validate({"run": "short", "space": {**SPACE, "axes": axes}}).space
    budget = config.budget.model_copy(update={"seeds": 4, "max_seeds": 4, "extend": 0.5})
    begun = session(config.model_copy(update={"budget": budget, "space": space}), folder)
    assert [record(folder, start.number).continues for start in begun] == [None] * 4


def test_the_map_counts_its_own_updates_and_the_slider_goes_beyond_them(
    config: RunConfig, folder: RunFolder
) -> None:
    session(config, folder)
    write_atomically(folder.config, to_yaml(config))
    before = build_map(load_run(folder))
    session(resume_config(config, ["train.max_updates=640"]), folder)
    run = load_run(folder)
    learned = [one.number for one in run.records if one.continues is not None and one.outcome == "learned"]
    assert learned, "the longer training learns"
    shown = build_map(run)
    cell = shown.cells["5", "1"]
    assert shown.outcomes == before.outcomes
    assert cell.verdict == before.cells["5", "1"].verdict
    assert set(learned) <= set(cell.continuations)
    last = update_steps(run)[-1]
    assert last > 160
    within = build_map(run_within(run, last)).cells["5", "1"].verdict.tally
    assert (within.learned, within.trials) == (len(learned), 2)
    # Of a cell in which one was not trained on, nothing is known beyond its updates.
    partly = replace(run, records=tuple(one for one in run.records if one.number != learned[0]))
    assert build_map(run_within(partly, last)).cells["5", "1"].verdict.tally.trials == 0


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"train": {"schedule": "cosine"}}, "train.schedule=cosine"),
        ({"train": {"schedule": "one_cycle"}}, "train.schedule=one_cycle"),
        ({"task": {"length_distribution": "curriculum"}}, "task.length_distribution=curriculum"),
        ({"train": {"max_updates": 150}}, "train.evaluate_every"),
        ({"train": {"schedule": "plateau", "warmup_updates": 10}}, None),
        ({"task": {"length_distribution": "uniform"}}, None),
    ],
)
def test_what_depends_on_the_budget_cannot_be_continued(changes: dict[str, Any], setting: str | None) -> None:
    base = {**SPACE["base"]["task"], "sequence_length": 5}
    values = {
        "task": {**base, **changes.get("task", {})},
        "model": SPACE["base"]["model"],
        "train": {**SPACE["base"]["train"], **changes.get("train", {})},
    }
    found = obstacle(TrialConfig.model_validate(values))
    assert found is None if setting is None else setting in (found or "")


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("train.max_updates=330", "multiple of train.evaluate_every"),
        ("train.max_updates=100", "another run"),
        ("train.max_updates=many", "another run"),
    ],
)
def test_updates_that_cannot_be_continued_to_are_refused(
    config: RunConfig, argument: str, problem: str
) -> None:
    with pytest.raises(UserError) as caught:
        resume_config(config, [argument])
    assert [problem in line for line in caught.value.problems] == [True]


def test_a_run_whose_schedule_ends_with_its_budget_says_so(config: RunConfig) -> None:
    base = {**SPACE["base"], "train": {**SPACE["base"]["train"], "schedule": "cosine"}}
    ends = RunConfig.model_validate({"run": "ends", "space": {**SPACE, "base": base}})
    with pytest.raises(UserError) as caught:
        resume_config(ends, ["train.max_updates=320"])
    assert [("train.schedule=cosine" in line) for line in caught.value.problems] == [True]


def test_merged_continuations_are_renumbered(tmp_path: Path) -> None:
    """Each shard has one cell; its continuations come after all trials of the map's own updates."""
    axes = [{"path": "task.sequence_length", "values": [5, 6]}, SPACE["axes"][1]]
    storage = tmp_path / "runs"
    for shard in ("1/2", "2/2"):
        name = f"short-{shard[0]}"
        one = RunConfig.model_validate(
            {
                "run": name,
                "space": {**SPACE, "axes": axes},
                "budget": {"seeds": 1, "max_seeds": 1},
                "futility": {"max_wrong": 0},
                "shard": shard,
            }
        )
        folder = RunFolder(storage / name)
        session(one, folder)
        more = resume_config(one, ["train.max_updates=200"])
        session(more, folder)
        begin_session(folder, ["failmap", "resume"])
        write_atomically(folder.config, to_yaml(more))
    merge_runs(read_merge([f"storage={storage}", "run=short-1,short-2", "into=both"]), ["failmap", "merge"])
    records = load_run(RunFolder(storage / "both")).records
    assert [one.continues for one in records if one.continues is not None]
    for one in records:
        if one.continues is not None:
            source = records[one.continues]
            assert (source.cell, source.seed, source.continues) == (one.cell, one.seed, None)
            assert from_yaml(storage / "both" / "config.yaml").continue_to == 200
