from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import pytest

from failmap.analysis.diagnosis import Cause, Diagnosis, Evidence, Suspicion
from failmap.analysis.diagnosis.cell import diagnose_cell, fisher_p, separations
from failmap.analysis.diagnosis.diagnosis import Limit
from failmap.run_folder.records import Outcome, Summary, TrialRecord
from tests.analysis.diagnosis.records import record_of


def trial(
    outcome: Outcome, cause: Cause = "none", confidence: float = 0.8, **train: Any
) -> tuple[TrialRecord, Diagnosis]:
    config = {"model": {"depth": 2}, "train": train, "seed": len(cause)}
    record = record_of(config, Summary(outcome, ""))
    evidence = Evidence(f"seen with confidence {confidence}")
    return record, Diagnosis(Suspicion(cause, confidence, "some_rule", (evidence,)))


def test_most_frequent_cause_wins() -> None:
    cell = diagnose_cell(
        [
            trial("failed", "vanishing_in_time", 0.6),
            trial("failed", "vanishing_in_time", 0.8),
            trial("failed", "diverged", 1.0),
            trial("learned"),
        ]
    )
    assert cell is not None
    assert (cell.cause, cell.num_trials, cell.num_failed) == ("vanishing_in_time", 2, 3)
    assert cell.confidence == pytest.approx(0.7)
    assert [evidence.told for evidence in cell.evidence] == ["seen with confidence 0.6"]
    assert cell.others == (("diverged", 1),)


def test_evidence_is_that_of_a_typical_trial() -> None:
    """Neither the surest trial nor the most extreme one, and none that another rule found."""

    def found(value: float, rule: str = "some_rule") -> tuple[TrialRecord, Diagnosis]:
        limit = Limit("share", value, "<", 1e-4)
        evidence = Evidence(f"{value:g} is left", limits=(limit,))
        return record_of({}, Summary("failed", "")), Diagnosis(
            Suspicion("vanishing_in_time", 0.9 - value, rule, (evidence,))
        )

    cell = diagnose_cell([found(1e-9), found(1e-6), found(5e-5), found(1e-12, "another_rule")])
    assert cell is not None
    assert [evidence.told for evidence in cell.evidence] == ["1e-06 is left"]


def test_trials_of_the_default_recipe_count() -> None:
    def of_recipe(index: int, cause: Cause) -> tuple[TrialRecord, Diagnosis]:
        record, diagnosis = trial("failed", cause)
        return replace(record, recipe_index=index), diagnosis

    others = [of_recipe(index, "oscillating") for index in (1, 1, 2, 3)]
    cell = diagnose_cell([of_recipe(0, "vanishing_in_time"), *others])
    assert cell is not None
    assert (cell.cause, cell.num_trials, cell.num_failed) == ("vanishing_in_time", 1, 1)
    explored = diagnose_cell(others)
    assert explored is not None
    assert (explored.cause, explored.num_failed) == ("oscillating", 4)


def test_confidence_breaks_ties() -> None:
    cell = diagnose_cell([trial("failed", "too_slow", 0.5), trial("failed", "overfit", 0.9)])
    assert cell is not None
    assert cell.cause == "overfit"


def test_no_diagnosis_without_failure() -> None:
    assert diagnose_cell([]) is None
    assert diagnose_cell([trial("learned"), (trial("censored")[0], None)]) is None


def test_separating_setting_is_reported() -> None:
    cell = diagnose_cell(
        [
            *(trial("learned", optimizer="adam", learning_rate=rate) for rate in (1e-3, 3e-3, 1e-2)),
            *(trial("failed", "too_slow", optimizer="sgd", learning_rate=rate) for rate in (1e-3, 1e-2)),
        ]
    )
    assert cell is not None
    assert cell.differences == ("with adam, 3 of 3 learned; with sgd, 0 of 2",)


def test_numbers_are_split_at_a_threshold() -> None:
    learned = [{"train.learning_rate": rate} for rate in (0.01, 0.02, 0.03)]
    failed = [{"train.learning_rate": rate} for rate in (0.0001, 0.001)]
    (found,) = separations(learned, failed)
    for part in ("learning rate of 0.01 or more", "3 of 3", "0 of 2"):
        assert part in found


def test_insignificant_split_is_not_reported() -> None:
    mixed = [{"train.optimizer": name} for name in ("adam", "sgd")]
    assert separations(mixed, mixed) == ()


def test_one_trial_separates_nothing() -> None:
    learned: list[Mapping[str, Any]] = [{"train.optimizer": "adam"}]
    failed: list[Mapping[str, Any]] = [{"train.optimizer": "sgd"}] * 5
    assert separations(learned, failed) == ()


def test_fisher_test_of_the_lady_tasting_tea() -> None:
    """All eight cups right, two-sided 2/70; three of four right, 34/70."""
    assert fisher_p(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert fisher_p(3, 4, 1, 4) == pytest.approx(34 / 70)


def test_every_cause_is_accepted() -> None:
    for cause in get_args(Cause):
        cell = diagnose_cell([trial("failed", cause)])
        assert cell is not None
        assert cell.cause == cause
