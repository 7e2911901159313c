"""Cases are trained once, their records tell nothing of their labels, and the twin says what took."""

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
    {
        "task.name": "delayed_recall",
        "task.sequence_length": 2,
        "model.name": "lstm",
        "model.hidden_size": 8,
        "train.learning_rate": 0.03,
        "train.max_updates": 80,
    },
)
(HEALTHY,) = FAMILY.plain(1)
(SHUFFLED,) = FAMILY.planted("labels_or_loss_wrong", "labels_shuffled", [0])
(UNHARMED,) = FAMILY.configured("too_slow", "rate as it was", [0], {"train.learning_rate": 0.03})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A healthy case, one with a fault, and one whose fault changes nothing, all trained."""
    path = tmp_path_factory.mktemp("diagnosis")
    for case in (HEALTHY, SHUFFLED, UNHARMED):
        train(case, path)
    return path


def test_a_fault_took_where_the_training_failed_and_its_twin_learned(folder: Path) -> None:
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


def test_a_record_tells_nothing_of_its_label(folder: Path) -> None:
    healthy, shuffled = (
        json.loads(case_folder(folder, case).record.read_text()) for case in (HEALTHY, SHUFFLED)
    )

    for record in (healthy, shuffled):
        for different in ("summary", "started", "ended"):
            del record[different]
    assert healthy == shuffled


def test_what_is_there_is_not_trained_again_unless_it_is_configured_anew(folder: Path) -> None:
    told: list[str] = []

    assert train_all([HEALTHY, SHUFFLED], folder, processes=1, progress=told.append) == 0
    assert not told

    assert digest(HEALTHY) == digest(replace(HEALTHY))
    assert digest(HEALTHY) != digest(replace(HEALTHY, fault="labels_shuffled"))
    assert digest(HEALTHY) != digest(replace(HEALTHY, config=SHUFFLED.config.model_copy(update={"seed": 1})))


@pytest.fixture
def _root_for_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the root, where `python -m benchmarks.diagnosis` runs, on the path of spawned processes."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[3])])


@pytest.mark.usefixtures("_root_for_processes")
def test_processes_of_their_own_train_what_is_missing(tmp_path: Path) -> None:
    told: list[str] = []

    assert train_all([HEALTHY], tmp_path, processes=1, progress=told.append) == 1
    assert [labelled.case for labelled in read_labelled(tmp_path, "tuning")] == [HEALTHY]
    assert HEALTHY.name in told[0]


@pytest.mark.long
@pytest.mark.usefixtures("_root_for_processes")
def test_an_interrupt_trains_nothing_that_has_not_begun(tmp_path: Path) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    cases = FAMILY.plain(8)
    with pytest.raises(KeyboardInterrupt):
        train_all(cases, tmp_path, processes=1, progress=interrupt)

    assert 1 <= len(read_labelled(tmp_path, "tuning")) < len(cases)


def test_a_faulty_training_waits_for_its_twin(folder: Path, tmp_path: Path) -> None:
    train(SHUFFLED, tmp_path)

    assert read_labelled(tmp_path, "tuning") == []


@pytest.mark.parametrize(("label", "counts"), [("diverged", True), ("oscillating", False)])
def test_what_is_not_finite_has_diverged_by_the_meaning_of_the_word(
    folder: Path, label: Cause, counts: bool
) -> None:
    records = {labelled.case.name: labelled.record for labelled in read_labelled(folder, "tuning")}
    case = replace(SHUFFLED, label=label)
    summary = records[SHUFFLED.name].summary
    assert summary is not None
    nonfinite = replace(summary, first_nonfinite={"tensor": "loss", "update": 3})

    records[SHUFFLED.name] = replace(records[SHUFFLED.name], summary=nonfinite)

    assert took(case, records) == counts
