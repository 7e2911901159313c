"""The cases as they are written down: what both halves hold, and what tells a case from its twin."""

from collections import Counter
from typing import get_args

import pytest

from benchmarks.diagnosis.case import HALVES, Case, Half, KindOfHealthy
from benchmarks.diagnosis.cases import all_cases
from benchmarks.diagnosis.faults import FAULTS
from failmap.analysis.diagnosis import CAUSES

CASES = all_cases()
BY_NAME = {case.name: case for case in CASES}
FAULTY = [case for case in CASES if not case.is_healthy]


def differences(case: Case, other: Case) -> set[str]:
    """The dotted paths at which two configurations differ, but for how training time is cut up."""
    one, another = case.config.model_dump(), other.config.model_dump()
    return {
        f"{group}.{name}"
        for group in ("task", "model", "output", "train", "criterion")
        for name in one[group].keys() | another[group].keys()
        if one[group].get(name) != another[group].get(name)
    } - {"train.evaluate_every"}


def network_on_task(case: Case) -> tuple[str, str, str]:
    """Its task and its network; Elman networks differ by their nonlinearity."""
    model = case.config.model
    return case.config.task.name, model.name, getattr(model, "nonlinearity", "")


def test_there_are_enough_of_them_to_publish_figures_about() -> None:
    for half, num_cases, num_healthy in (("tuning", 500, 150), ("unseen", 220, 75)):
        cases = [case for case in CASES if case.half == half]

        assert len(cases) >= num_cases
        assert sum(case.is_healthy for case in cases) >= num_healthy


def test_names_are_unique_and_fit_for_folders() -> None:
    assert len(BY_NAME) == len(CASES)
    assert all(name == name.strip("./") and "/" not in name and len(name) < 150 for name in BY_NAME)


@pytest.mark.parametrize("half", HALVES)
def test_each_half_has_every_cause_that_can_be_planted(half: Half) -> None:
    labels = Counter(case.label for case in CASES if case.half == half)

    assert set(labels) == set(CAUSES) - {"unknown"}
    assert min(labels.values()) >= 4


@pytest.mark.parametrize("half", HALVES)
def test_each_half_has_healthy_trainings_of_every_kind(half: Half) -> None:
    kinds = {case.kind_of_healthy for case in CASES if case.half == half}

    assert kinds == set(get_args(KindOfHealthy))


def test_the_halves_share_neither_families_nor_a_network_on_a_task() -> None:
    families, networks = (
        [{of(case) for case in CASES if case.half == half} for half in HALVES]
        for of in (lambda case: case.family, network_on_task)
    )

    assert families[0].isdisjoint(families[1])
    assert networks[0].isdisjoint(networks[1])


def test_a_faulty_case_has_a_healthy_twin_of_its_family_and_seed() -> None:
    for case in FAULTY:
        assert case.twin is not None, case.name
        twin = BY_NAME[case.twin]

        assert twin.is_healthy
        assert (twin.half, twin.family, twin.config.seed) == (case.half, case.family, case.config.seed)


def test_a_faulty_case_differs_from_its_twin_either_in_its_code_or_in_its_configuration() -> None:
    for case in FAULTY:
        assert case.twin is not None, case.name
        has_other_configuration = bool(differences(case, BY_NAME[case.twin]))

        assert has_other_configuration == (case.fault is None), case.name


def test_every_fault_is_planted_somewhere() -> None:
    assert {case.fault for case in CASES if case.fault} == set(FAULTS)
