"""The third and fourth set: contents, that they are unchanged, and when a training counts as rising."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.diagnosis.case import Case, Half
from benchmarks.diagnosis.cases import all_cases
from benchmarks.diagnosis.cases.data_files import DataFiles
from benchmarks.diagnosis.cases.family import Family
from benchmarks.diagnosis.cases.fourth_files import FOURTH_FILES
from benchmarks.diagnosis.cases.frozen import digest_of_set, stated_digest
from benchmarks.diagnosis.cases.third_files import THIRD_FILES
from benchmarks.diagnosis.labelled import RISING_FACTOR, took
from failmap.run_folder.records import Evaluation, Outcome, Summary, TrialRecord

FAMILY = Family(
    "recall lstm 1x8 T=2",
    "third",
    task={"name": "delayed_recall", "sequence_length": 2},
    model={"name": "lstm", "hidden_size": 8},
    train={"learning_rate": 1e-4, "max_updates": 80},
)
SETS: dict[Half, DataFiles] = {"third": THIRD_FILES, "fourth": FOURTH_FILES}
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


def cases_of(half: Half) -> list[Case]:
    """Return the cases of a set."""
    return [case for case in all_cases() if case.half == half]


@pytest.mark.parametrize("half", SETS)
def test_set_is_unchanged(half: Half) -> None:
    assert digest_of_set(cases_of(half), SETS[half]) == stated_digest(half)


def test_digest_depends_on_labels_settings_and_files_but_not_on_the_order() -> None:
    none = DataFiles(Path("nowhere"), {})
    one = DataFiles(Path("nowhere"), {"series": lambda: {"series": np.arange(3)}})

    assert digest_of_set([CUT, WHOLE], none) == digest_of_set([WHOLE, CUT], none)
    assert digest_of_set([CUT], none) != digest_of_set([replace(CUT, label="overfit")], none)
    assert digest_of_set([CUT], none) != digest_of_set([replace(CUT, config=WHOLE.config)], none)
    assert digest_of_set([CUT], none) != digest_of_set([CUT], one)


@pytest.mark.parametrize("half", SETS)
def test_set_has_what_it_is_for(half: Half) -> None:
    cases = cases_of(half)
    labels = Counter(case.label for case in cases)

    assert labels["none"] >= 150
    assert len(cases) - labels["none"] >= 150
    assert labels["too_slow"] >= 60
    assert labels["overfit"] + labels["too_little_data"] >= 30
    assert labels["distribution_shift"] >= 20
    families = {case.family for case in cases}
    assert len(families) >= 14
    assert families.isdisjoint(case.family for case in all_cases() if case.half != half)


@pytest.mark.parametrize("half", SETS)
def test_files_are_the_same_whenever_they_are_made(half: Half) -> None:
    files = SETS[half]
    names = tuple(files.makers)

    assert all(files.content_of(name) == files.content_of(name) for name in names[::5])
    made = {files.path_of(name) for name in names}
    assert {case.config.task.source_path for case in cases_of(half)} - {None} == made


def test_sets_share_no_file() -> None:
    contents = [files.content_of(name) for files in SETS.values() for name in files.makers]

    assert len(set(contents)) == len(contents)


def test_files_are_written_once(tmp_path: Path) -> None:
    files = DataFiles(tmp_path / "made", {"one": lambda: {"series": np.arange(3)}})
    files.write()
    written = Path(files.path_of("one"))
    assert written.read_bytes() == files.content_of("one")

    written.write_text("mine")
    files.write()

    assert written.read_text() == "mine"


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
