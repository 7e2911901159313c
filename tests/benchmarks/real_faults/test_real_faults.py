"""Cases keep their contract; verdicts are counted rightly."""

import importlib
import inspect
from collections import Counter
from dataclasses import replace

import pytest
import torch

from benchmarks.diagnosis.judge import Finding
from benchmarks.real_faults.case import Case, NoWatch
from benchmarks.real_faults.page import as_body
from benchmarks.real_faults.run import HALVES, case_of, modules_of
from benchmarks.real_faults.score import Outcome, Verdict, sums, sums_of_other
from failmap.analysis.diagnosis import CAUSES

MODULES = [module for half in HALVES for module in modules_of(half).values()]


@pytest.mark.parametrize("module", MODULES)
def test_a_case_names_known_causes_and_can_be_trained(module: str) -> None:
    case = case_of(module)
    assert case.causes
    assert set(case.causes) <= set(CAUSES) - {"none", "unknown"}
    assert 0 < case.solved <= 1
    assert list(inspect.signature(importlib.import_module(module).train).parameters) == ["watch", "repaired"]


def test_no_source_is_used_twice() -> None:
    assert modules_of("read")
    sources = Counter(case_of(module).source for module in MODULES)
    assert [source for source, count in sources.items() if count > 1] == []


@pytest.mark.long
def test_the_faulty_script_fails_and_its_twin_learns() -> None:
    torch.set_num_threads(1)
    module = importlib.import_module("benchmarks.real_faults.read.keras_2172")
    assert module.train(NoWatch, False) < module.CASE.solved <= module.train(NoWatch, True)


def _outcome(
    found: tuple[str, ...], on_twin: tuple[str, ...] = (), scores: tuple[float, float] = (0, 1)
) -> Outcome:
    case = Case("somewhere 1", "a | fault", "a fix", ("padding", "vanishing_in_time"))
    faulty, repaired = (
        Verdict(causes, "as | seen", score, 1.0)
        for causes, score in zip((found, on_twin), scores, strict=True)
    )
    return Outcome("one", case, faulty, repaired)


def test_verdicts_are_counted() -> None:
    outcomes = [
        _outcome(("vanishing_in_time",)),
        _outcome(("too_slow", "padding"), on_twin=("overfit",)),
        _outcome(("too_slow", "overfit", "padding")),
        _outcome(()),
    ]
    counts = {name: (rate.num_hits, rate.num_trials) for name, rate in sums(outcomes).items()}
    assert counts == {
        "fault found": (3, 4),
        "right cause first": (1, 4),
        "right cause among the first two": (2, 4),
        "silent twins": (3, 4),
    }


def test_cases_that_do_not_show_their_fault_do_not_count() -> None:
    outcomes = [_outcome((), scores=(0.9, 1)), _outcome((), scores=(0, 0.5)), _outcome((), scores=(0, 1))]
    assert sums(outcomes)["fault found"].num_trials == 1


def test_a_score_that_is_not_a_number_is_a_failure() -> None:
    assert _outcome((), scores=(float("nan"), 1)).is_valid
    assert not _outcome((), scores=(0, float("nan"))).is_valid


def test_a_crash_counts_as_a_miss() -> None:
    crashed = Verdict((), "", float("nan"), 0.0, error="ValueError: shapes")
    outcome = replace(_outcome(()), faulty=crashed, repaired=crashed)
    counts = {name: (rate.num_hits, rate.num_trials) for name, rate in sums([outcome]).items()}
    assert set(counts.values()) == {(0, 1)}
    assert as_body([outcome]).partition("## Missed")[2].count("ValueError: shapes") == 2


def test_published_tools_are_counted() -> None:
    first, second = Finding("LRHigh", frozenset({"diverged"})), Finding("a rule", frozenset({"padding"}))
    outcome = _outcome(())
    outcome = replace(outcome, faulty=replace(outcome.faulty, others={"UMLAUT": (first, second)}))
    hits = {name: rate.num_hits for name, rate in sums_of_other([outcome], "UMLAUT").items()}
    assert hits == {
        "fault found": 1,
        "right cause first": 0,
        "right cause among the first two": 1,
        "silent twins": 1,
    }


def test_the_page_has_a_row_for_each_case_and_lists_what_was_missed() -> None:
    page = as_body([_outcome(("padding",)), _outcome((), on_twin=("overfit",))])
    assert page.count("somewhere 1") == 2
    missed = page.partition("## Missed")[2]
    assert "| one | fault | padding or vanishing_in_time | silent |" in missed
    assert "| one | twin | silent | overfit |" in missed
