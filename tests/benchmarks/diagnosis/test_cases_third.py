"""The third set: its contents, that it is unchanged, and when a training counts as rising."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases import all_cases
from benchmarks.diagnosis.cases.family import Family
from benchmarks.diagnosis.cases.frozen import DIGEST_FILE, digest_of_set
from benchmarks.diagnosis.cases.third import THIRD
from benchmarks.diagnosis.cases.third_files import FILES, content_of, path_of
from benchmarks.diagnosis.labelled import RISING_FACTOR, took
from failmap.run_folder.records import Evaluation, Outcome, Summary, TrialRecord

FAMILY = Family(
    "recall lstm 1x8 T=2",
    "third",
    task={"name": "delayed_recall", "sequence_length": 2},
    model={"name": "lstm", "hidden_size": 8},
    train={"learning_rate": 1e-4, "max_updates": 80},
)
WHOLE, CUT = FAMILY.rising("slow", [0], 80, {})


def record(case: Case, outcome: Outcome) -> TrialRecord:
    """Return the record of a training that ended with an outcome."""
    times = {"started": "2026-11-29T12:00:00+00:00", "ended": "2026-11-29T12:00:01+00:00"}
    config, seed = case.config.model_dump(mode="json"), case.config.seed
    summary = Summary(outcome=outcome, reason="", num_parameters=1)
    return TrialRecord(
        number=0,
        attempt=1,
        config=config,
        cell={},
        recipe={},
        recipe_index=0,
        purpose="default",
        seed=seed,
        summary=summary,
        **times,
    )


def took_with(losses: Sequence[float | None], make: Callable[..., Evaluation], whole: Outcome) -> bool:
    """Return whether the cut training took, given its validation losses and its twin's outcome."""
    history = [make(update, validation_loss=loss) for update, loss in enumerate(losses, start=1)]
    return took(CUT, {CUT.name: record(CUT, "failed"), WHOLE.name: record(WHOLE, whole)}, history)


def test_set_is_unchanged() -> None:
    assert digest_of_set(THIRD) == DIGEST_FILE.read_text(encoding="utf-8").strip()


def test_digest_depends_on_labels_and_settings_but_not_on_the_order() -> None:
    assert digest_of_set([CUT, WHOLE]) == digest_of_set([WHOLE, CUT])
    assert digest_of_set([CUT]) != digest_of_set([replace(CUT, label="overfit")])
    assert digest_of_set([CUT]) != digest_of_set([replace(CUT, config=WHOLE.config)])


def test_set_has_what_it_is_for() -> None:
    labels = Counter(case.label for case in THIRD)

    assert sum(case.is_healthy for case in THIRD) >= 150
    assert len(THIRD) - labels["none"] >= 150
    assert labels["too_slow"] >= 60
    assert labels["overfit"] + labels["too_little_data"] >= 30
    assert labels["distribution_shift"] >= 20
    families = {case.family for case in THIRD}
    assert len(families) >= 14
    assert families.isdisjoint(case.family for case in all_cases() if case.half != "third")


def test_files_are_the_same_whenever_they_are_made() -> None:
    assert all(content_of(name) == content_of(name) for name in FILES[::5])
    made = {path_of(name) for name in FILES}
    assert {case.config.task.source_path for case in THIRD} - {None} == made


def test_rising_differs_from_its_twin_in_the_budget_only() -> None:
    changed = WHOLE.config.train.model_copy(update={"max_updates": CUT.config.train.max_updates})

    assert CUT.twin == WHOLE.name
    assert WHOLE.config.train.max_updates == RISING_FACTOR * CUT.config.train.max_updates
    assert WHOLE.config.model_copy(update={"train": changed}) == CUT.config


@pytest.mark.parametrize(
    ("losses", "whole", "counts"),
    [
        ([9.0] * 8 + [2.0, 1.0], "learned", True),
        ([9.0] * 6 + [2.0, 2.0, 1.0, 1.0], "learned", True),
        ([9.0] * 6 + [1.0, 1.0, 2.0, 2.0], "learned", False),
        ([9.0] * 10, "learned", False),
        ([9.0] * 6 + [2.0, 2.0, 1.0, 1.0], "failed", False),
        ([2.0, 1.0], "learned", False),
        ([9.0] * 6 + [2.0, 2.0, None, None], "learned", False),
    ],
)
def test_cut_training_took_if_it_was_still_rising(
    evaluation: Callable[..., Evaluation], losses: list[Any], whole: Outcome, counts: bool
) -> None:
    assert took_with(losses, evaluation, whole) == counts
