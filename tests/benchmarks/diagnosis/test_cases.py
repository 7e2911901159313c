"""Definitions of the cases: contents of both halves and the further sets, and differences between twins."""

from collections import Counter
from typing import get_args

import pytest

from benchmarks.diagnosis.case import HALVES, Case, Half, KindOfHealthy
from benchmarks.diagnosis.cases import all_cases
from benchmarks.diagnosis.faults import FAULTS
from failmap.analysis.diagnosis import CAUSES

CASES = all_cases()
BY_NAME = {case.name: case for case in CASES}
#: Causes that only the third and the fourth set have.
LATER = {"distribution_shift", "not_predictable", "target_scale"}
#: Faults of people's own loops and data, which trials of a search do not have.
OF_LOOPS = {
    "axes_mixed", "padding", "window_too_short", "imbalanced", "training_loop", "state_carried", "wrong_mode",
    "teacher_forcing",
    "over_regularised",
}  # fmt: skip
FAULTY = [case for case in CASES if not case.is_healthy]


def differences(case: Case, other: Case) -> set[str]:
    """Return the dotted paths at which two configurations differ, except for the evaluation interval."""
    one, another = case.config.model_dump(), other.config.model_dump()
    return {
        f"{group}.{name}"
        for group in ("task", "model", "output", "train", "criterion")
        for name in one[group].keys() | another[group].keys()
        if one[group].get(name) != another[group].get(name)
    } - {"train.evaluate_every"}


def network_on_task(case: Case) -> tuple[str, str, str]:
    """Return task and network; Elman networks are distinguished by their nonlinearity."""
    model = case.config.model
    return case.config.task.name, model.name, getattr(model, "nonlinearity", "")


def test_number_of_cases() -> None:
    wanted = (("tuning", 500, 150), ("unseen", 220, 75), ("third", 300, 150), ("fourth", 300, 150))
    for half, num_cases, num_healthy in wanted:
        cases = [case for case in CASES if case.half == half]

        assert len(cases) >= num_cases
        assert sum(case.is_healthy for case in cases) >= num_healthy


def test_names_are_unique_and_valid_for_folders() -> None:
    assert len(BY_NAME) == len(CASES)
    assert all(name == name.strip("./") and "/" not in name and len(name) < 150 for name in BY_NAME)


@pytest.mark.parametrize("half", HALVES)
def test_each_half_has_all_causes_and_kinds_of_healthy(half: Half) -> None:
    labels = Counter(case.label for case in CASES if case.half == half)

    assert set(labels) == set(CAUSES) - {"unknown"} - OF_LOOPS - (
        LATER if half in ("tuning", "unseen") else set()
    )
    assert min(labels.values()) >= 4
    assert {case.kind_of_healthy for case in CASES if case.half == half} == set(get_args(KindOfHealthy))


def test_halves_are_disjoint() -> None:
    families, networks = (
        [{of(case) for case in CASES if case.half == half} for half in HALVES]
        for of in (lambda case: case.family, network_on_task)
    )

    assert len(set.union(*families)) == sum(map(len, families))
    assert networks[0].isdisjoint(networks[1])


def test_twin_is_healthy_and_differs_in_code_or_configuration() -> None:
    for case in FAULTY:
        assert case.twin is not None, case.name
        twin = BY_NAME[case.twin]

        assert twin.is_healthy
        assert (twin.half, twin.family, twin.config.seed) == (case.half, case.family, case.config.seed)
        assert bool(differences(case, twin)) == (case.fault is None), case.name


def test_every_fault_is_used() -> None:
    assert {case.fault for case in CASES if case.fault} == set(FAULTS)
