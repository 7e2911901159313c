"""Training of cases, and the effect of their faults."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.diagnosis.cases.family import Family
from benchmarks.diagnosis.labelled import case_folder, read_labelled, took
from benchmarks.diagnosis.train import digest, train, train_all
from failmap.analysis.diagnosis import Cause

FAMILY = Family(
    "recall lstm 1x8 T=2",
    "tuning",
    task={"name": "delayed_recall", "sequence_length": 2},
    model={"name": "lstm", "hidden_size": 8},
    train={"learning_rate": 0.03, "max_updates": 80},
)
(HEALTHY,) = FAMILY.plain(1)
(SHUFFLED,) = FAMILY.planted("labels_or_loss_wrong", "labels_shuffled", [0])
(UNHARMED,) = FAMILY.configured("too_slow", "unchanged rate", [0], {"train.learning_rate": 0.03})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a healthy case, one with a fault, and one whose fault has no effect."""
    path = tmp_path_factory.mktemp("diagnosis")
    for case in (HEALTHY, SHUFFLED, UNHARMED):
        train(case, path)
    return path


def test_fault_took_if_only_the_twin_learned(folder: Path) -> None:
    trainings = {labelled.case: labelled for labelled in read_labelled(folder, "tuning")}

    assert {case: labelled.took for case, labelled in trainings.items()} == {
        HEALTHY: True,
        SHUFFLED: True,
        UNHARMED: False,
    }
    summary = trainings[HEALTHY].record.summary
    assert summary is not None
    assert trainings[HEALTHY].history[-1].update == summary.updates
    assert not read_labelled(folder, "unseen")


def test_record_does_not_reveal_its_label(folder: Path) -> None:
    healthy, shuffled = (
        json.loads(case_folder(folder, case).record.read_text()) for case in (HEALTHY, SHUFFLED)
    )

    for record in (healthy, shuffled):
        for key in ("summary", "started", "ended"):
            del record[key]
    assert healthy == shuffled


def test_only_changed_cases_are_trained_again(folder: Path) -> None:
    lines: list[str] = []

    assert train_all([HEALTHY, SHUFFLED], folder, processes=1, progress=lines.append) == 0
    assert not lines
    assert digest(HEALTHY) == digest(replace(HEALTHY))
    assert digest(HEALTHY) != digest(replace(HEALTHY, fault="labels_shuffled"))
    assert digest(HEALTHY) != digest(replace(HEALTHY, config=SHUFFLED.config.model_copy(update={"seed": 1})))


@pytest.fixture
def _root_for_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the root, where `python -m benchmarks.diagnosis` runs, on the path of spawned processes."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[3])])


@pytest.mark.usefixtures("_root_for_processes")
def test_missing_cases_are_trained_in_processes(tmp_path: Path) -> None:
    lines: list[str] = []

    assert train_all([HEALTHY], tmp_path, processes=1, progress=lines.append) == 1
    assert [labelled.case for labelled in read_labelled(tmp_path, "tuning")] == [HEALTHY]
    assert HEALTHY.name in lines[0]


@pytest.mark.long
@pytest.mark.usefixtures("_root_for_processes")
def test_interrupt_starts_no_more_trainings(tmp_path: Path) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    cases = FAMILY.plain(8)
    with pytest.raises(KeyboardInterrupt):
        train_all(cases, tmp_path, processes=1, progress=interrupt)

    assert 1 <= len(read_labelled(tmp_path, "tuning")) < len(cases)


def test_faulty_training_without_twin_is_left_out(folder: Path, tmp_path: Path) -> None:
    train(SHUFFLED, tmp_path)

    assert read_labelled(tmp_path, "tuning") == []


@pytest.mark.parametrize(("label", "counts"), [("diverged", True), ("oscillating", False)])
def test_nonfinite_means_diverged(folder: Path, label: Cause, counts: bool) -> None:
    records = {labelled.case.name: labelled.record for labelled in read_labelled(folder, "tuning")}
    case = replace(SHUFFLED, label=label)
    summary = records[SHUFFLED.name].summary
    assert summary is not None
    nonfinite = replace(summary, first_nonfinite={"tensor": "loss", "update": 3})

    records[SHUFFLED.name] = replace(records[SHUFFLED.name], summary=nonfinite)

    assert took(case, records) == counts
