"""Reads labelled trainings back, and says which of them are what their label says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.diagnosis.case import Case, Half
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import Evaluation, TrialRecord, read_history
from failmap.search.trial.config import TrialConfig

#: Where trainings lie unless told otherwise.
DEFAULT_FOLDER = Path("runs/diagnosis")
#: Beside record.json: the label, which no diagnosis reads.
LABEL_FILE = "label.json"


@dataclass(frozen=True)
class Labelled:
    """A training that was made, with its label.

    Attributes:
        case: what was trained, and its label.
        record: what a diagnosis may read, and
        history: every evaluation.
        took: whether it counts (see `took`).
    """

    case: Case
    record: TrialRecord
    history: tuple[Evaluation, ...]
    took: bool


def case_folder(folder: Path, case: Case) -> TrialFolder:
    """Where one case's files lie."""
    return TrialFolder(folder / case.half / case.name)


def read_labelled(folder: Path, half: Half) -> list[Labelled]:
    """All trainings of a half that are there, in the order of their names.

    A faulty one is left out for as long as its healthy twin has not been trained.
    """
    trained = {
        path.parent.name: _read(TrialFolder(path.parent))
        for path in sorted((folder / half).glob(f"*/{LABEL_FILE}"))
    }
    records = {name: record for name, (_, record, _) in trained.items()}
    return [
        Labelled(case, record, history, took(case, records))
        for case, record, history in trained.values()
        if case.twin is None or case.twin in records
    ]


def took(case: Case, records: Mapping[str, TrialRecord]) -> bool:
    """Whether a training is what its label says; others are counted, and no verdict on them is scored.

    A healthy one met its criterion within its update budget, however slowly. A faulty one failed, and its
    twin learned: the one thing that differs is the cause. By the meaning of the word a training `diverged`
    if and only if something became not finite.

    Args:
        case: of the training.
        records: of it and of its twin, by name.
    """
    summary = records[case.name].summary
    assert summary is not None, f"{case.name} has ended"
    if case.is_healthy:
        return summary.outcome == "learned"
    assert case.twin is not None, f"{case.name} is faulty: it has a healthy twin"
    twin = records[case.twin].summary
    assert twin is not None, f"{case.twin} has ended"
    is_finite = summary.first_nonfinite is None
    return (
        summary.outcome == "failed" and twin.outcome == "learned" and is_finite != (case.label == "diverged")
    )


def label_text(case: Case, digest: str) -> str:
    """The text of label.json: all of a case but its configuration, which is in the record.

    Args:
        case: of the training.
        digest: of what was trained (`train.digest`).
    """
    values = {name: value for name, value in vars(case).items() if name != "config"}
    return json.dumps({**values, "digest": digest}, indent=1)


def stored_digest(folder: TrialFolder) -> str | None:
    """Of the case that was trained there; None where none was, to its end."""
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
