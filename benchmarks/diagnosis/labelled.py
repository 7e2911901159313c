"""Trainings read back with their labels, and whether the label holds."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.diagnosis.case import Case, Half
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import Evaluation, TrialRecord, read_history
from failmap.search.trial.config import TrialConfig

#: Default folder of the trainings.
DEFAULT_FOLDER = Path("runs/diagnosis")
#: File beside record.json with the label, which no diagnosis reads.
LABEL_FILE = "label.json"

WHY_LEFT_OUT = (
    "healthy, but did not learn",
    "faulty, but learned",
    "faulty, and its healthy twin failed too",
    "not finite because of another fault, or finite though labelled diverged",
    "too slow, but its loss no longer fell",
)
#: The twin of a training that is still rising at its end has so many times the updates.
RISING_FACTOR = 3
#: Shares of the evaluations of which the last two are compared, to tell whether a training is still rising.
_NUM_SHARES = 5


@dataclass(frozen=True)
class Labelled:
    """A training with its label.

    Attributes:
        case: configuration and label.
        record: record of the trial.
        history: all evaluations.
        took: whether the label holds, so that the training is scored (see `took`).
    """

    case: Case
    record: TrialRecord
    history: tuple[Evaluation, ...]
    took: bool


def case_folder(folder: Path, case: Case) -> TrialFolder:
    """Return the folder of a case."""
    return TrialFolder(folder / case.half / case.name)


def read_labelled(folder: Path, half: Half) -> list[Labelled]:
    """Return the trainings of a half, ordered by name, without faulty ones whose twin is not trained yet."""
    trained = {
        path.parent.name: _read(TrialFolder(path.parent))
        for path in sorted((folder / half).glob(f"*/{LABEL_FILE}"))
    }
    records = {name: record for name, (_, record, _) in trained.items()}
    return [
        Labelled(case, record, history, took(case, records, history))
        for case, record, history in trained.values()
        if case.twin is None or case.twin in records
    ]


def took(case: Case, records: Mapping[str, TrialRecord], history: Sequence[Evaluation] = ()) -> bool:
    """Return whether a training is what its label says; others are counted, but not scored.

    A healthy one met its criterion within its update budget. A faulty one failed while its twin learned, so
    the one difference is the cause. By definition, a training `diverged` if and only if a value became not
    finite. One whose only fault is a third of its twin's update budget must be rising at its end.

    Args:
        case: case of the training.
        records: records of the training and its twin, by name.
        history: evaluations of the training, which only the last rule needs.
    """
    summary = records[case.name].summary
    assert summary is not None, f"{case.name} has ended"
    if case.is_healthy:
        return summary.outcome == "learned"
    assert case.twin is not None, f"{case.name} is faulty: it has a healthy twin"
    twin = records[case.twin].summary
    assert twin is not None, f"{case.twin} has ended"
    is_finite = summary.first_nonfinite is None
    if summary.outcome != "failed" or twin.outcome != "learned" or is_finite == (case.label == "diverged"):
        return False
    return not _is_cut_short(records[case.name], records[case.twin]) or is_rising(history)


def _is_cut_short(record: TrialRecord, twin: TrialRecord) -> bool:
    """Return whether the twin has thrice the updates, and differs in nothing else."""
    config, longer = (dict(one.config) for one in (record, twin))
    train, longer_train = dict(config.pop("train")), dict(longer.pop("train"))
    train["max_updates"] *= RISING_FACTOR
    return config == longer and train == longer_train


def is_rising(history: Sequence[Evaluation]) -> bool:
    """Return whether the median validation loss of the last fifth is below that of the fifth before it."""
    size = len(history) // _NUM_SHARES
    if size == 0:
        return False
    losses = [math.inf if one.validation_loss is None else one.validation_loss for one in history]
    return median(losses[-size:]) < median(losses[-2 * size : -size])


def why_left_out(trainings: Sequence[Labelled]) -> Counter[str]:
    """Count the trainings that are not scored, by reason."""
    learned = {training.case.name for training in trainings if _outcome(training) == "learned"}
    return Counter(_why(training, learned) for training in trainings if not training.took)


def _why(training: Labelled, learned: set[str]) -> str:
    case = training.case
    if case.is_healthy:
        return WHY_LEFT_OUT[0]
    if case.name in learned:
        return WHY_LEFT_OUT[1]
    if case.twin not in learned:
        return WHY_LEFT_OUT[2]
    return WHY_LEFT_OUT[4 if case.label == "too_slow" and _is_finite(training) else 3]


def _is_finite(training: Labelled) -> bool:
    summary = training.record.summary
    assert summary is not None, f"{training.case.name} has ended"
    return summary.first_nonfinite is None


def _outcome(training: Labelled) -> str | None:
    summary = training.record.summary
    assert summary is not None, f"{training.case.name} has ended"
    return summary.outcome


def label_text(case: Case, digest: str) -> str:
    """Return the content of label.json: the case without its configuration, which is in the record.

    Args:
        case: case of the training.
        digest: digest of the case (`train.digest`).
    """
    values = {name: value for name, value in vars(case).items() if name != "config"}
    return json.dumps({**values, "digest": digest}, indent=1)


def stored_digest(folder: TrialFolder) -> str | None:
    """Return the digest of the case that was trained there, or None if there is no complete training."""
    path = folder.path / LABEL_FILE
    if not path.exists():
        return None
    stored: str = json.loads(path.read_text(encoding="utf-8"))["digest"]
    return stored


def _read(folder: TrialFolder) -> tuple[Case, TrialRecord, tuple[Evaluation, ...]]:
    label: dict[str, Any] = json.loads((folder.path / LABEL_FILE).read_text(encoding="utf-8"))
    record = TrialRecord.from_json(folder.record.read_text(encoding="utf-8"))
    del label["digest"]
    case = Case(**label, config=TrialConfig.model_validate(record.config))
    return case, record, tuple(read_history(folder.history))
