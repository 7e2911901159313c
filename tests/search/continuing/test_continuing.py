"""Failed trials that were on their way are trained on, as if they had never ended."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from failmap.run_folder.paths import STATE_FILE, RunFolder, TrialFolder
from failmap.run_folder.records import Evaluation, Summary, TrialRecord
from failmap.run_folder.storage import read_text
from failmap.search.config import RunConfig
from failmap.search.loading import resume_config
from failmap.search.study import Start, Study
from failmap.search.trial.session import TrialSession
from failmap.search.worker import Worker

#: One cell, in which an LSTM is on its way to adding five numbers after 160 updates.
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
    for start in session(config, folder):
        print(start.number, record(folder, start.number).summary, history(folder.trial(start.number))[-3:])
    assert [record(folder, n).outcome for n in (0, 1)] == ["failed", "failed"]
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
