"""All rules over the recorded trainings: none speaks outside its courses or beyond its own threshold."""

import math
from pathlib import Path

import pytest

from benchmarks.diagnosis.calibration import CALIBRATED_ON, calibration_set, count_by_rule
from benchmarks.diagnosis.case import HALVES, Half
from benchmarks.diagnosis.cases import all_cases
from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.recorded import RECORDED, read_recorded, recorded_file, write_recorded
from failmap.analysis.diagnosis import diagnose
from failmap.analysis.diagnosis.course import course
from failmap.analysis.diagnosis.rules import RULES
from failmap.analysis.diagnosis.training_curves import TrainingCurves

BY_NAME = {rule.name: rule for rule in RULES}


@pytest.fixture(scope="module")
def tuning() -> list[Labelled]:
    return read_recorded("tuning")


def check(training: Labelled, *, blind: bool) -> None:
    """Check every suspicion about a training."""
    found = diagnose(training.record, training.history, blind=blind)
    assert found is not None
    name = course(TrainingCurves(training.record, training.history, is_blind=blind)).name
    for suspicion in (found.verdict, *found.runners_up):
        rule = BY_NAME.get(suspicion.rule)
        assert rule is None or name in rule.courses, f"{training.case.name}: {suspicion.rule}"
        for limit in (limit for evidence in suspicion.evidence for limit in evidence.limits):
            # Thresholds are computed from other numbers, some of them in another order.
            is_close = math.isclose(limit.value, limit.threshold, rel_tol=1e-9)
            assert limit.holds or is_close, f"{training.case.name}: {suspicion.rule}: {limit}"


def test_rules_keep_to_their_courses_and_thresholds(tuning: list[Labelled]) -> None:
    for training in tuning[::3]:
        check(training, blind=False)
        check(training, blind=True)


@pytest.mark.long
@pytest.mark.parametrize("half", HALVES)
def test_all_recorded_trainings(half: Half) -> None:
    for training in read_recorded(half):
        check(training, blind=False)


@pytest.mark.long
def test_confidence_is_that_of_the_recorded_trainings() -> None:
    assert set(CALIBRATED_ON) <= set(HALVES)
    for name, count in count_by_rule(calibration_set()).items():
        if name != "not_finite":  # Right by definition.
            assert BY_NAME[name].confidence == pytest.approx(count.confidence, abs=0.011), name


def test_every_case_is_recorded(tuning: list[Labelled]) -> None:
    cases = {case.name: case for case in all_cases() if case.half == "tuning"}
    assert {training.case.name for training in tuning} == cases.keys()
    for training in tuning[::20]:
        case = cases[training.case.name]
        assert (training.case.label, training.case.config.train) == (case.label, case.config.train)


def test_recorded_trainings_come_back(tuning: list[Labelled], tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl.xz"
    some = [training for training in tuning if training.case.is_healthy][:6]
    write_recorded(some, path)
    for before, after in zip(some, read_recorded("tuning", path), strict=True):
        assert (before.case, before.history) == (after.case, after.history)
        assert before.record == after.record


def test_recorded_trainings_are_small() -> None:
    assert sum(recorded_file(half).stat().st_size for half in HALVES) < 10e6
    assert {path.name for path in RECORDED.iterdir()} == {recorded_file(half).name for half in HALVES}
