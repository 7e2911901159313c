"""Studies over the small space, and how their trials end without a training."""

import json
import random
from collections.abc import Callable
from dataclasses import replace

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary, TrialRecord
from failmap.run_folder.storage import read_text, store_of
from failmap.search.config import RunConfig
from failmap.search.study import Start, Study

MakeConfig = Callable[..., RunConfig]

LEARNED = Summary("learned", "criterion met", updates=700, score=0.97, best_score=0.97, target_score=0.95)
FAILED = replace(LEARNED, outcome="failed", reason="update budget spent", score=0.1, best_score=0.2)


def open_study(config: RunConfig, folder: RunFolder, messages: list[str] | None = None) -> Study:
    return Study.open(config, folder, ([] if messages is None else messages).append)


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
