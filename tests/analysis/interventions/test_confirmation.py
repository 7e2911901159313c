from collections.abc import Callable
from dataclasses import replace

import pytest

from failmap.analysis.interventions.comparisons import Comparison
from failmap.analysis.interventions.confirmation import (
    Need,
    Verdict,
    confirmations,
    control_lines,
    need,
    verdict,
)

Compared = Callable[..., Comparison]

DEPTH, TIME = "vanishing_in_depth", "vanishing_in_time"


@pytest.mark.parametrize(
    ("before", "after", "trials", "expected"),
    [
        (0, 5, 5, "works"),
        (0, 4, 4, "works"),
        (0, 3, 3, "open"),
        (0, 4, 5, "open"),
        (2, 5, 5, "open"),
        (0, 0, 4, "does not work"),
        (5, 0, 5, "does not work"),
        (0, 0, 0, "open"),
    ],
)
def test_fix_works_if_interval_crosses_one_half(
    compared: Compared, before: int, after: int, trials: int, expected: Verdict
) -> None:
    assert verdict(compared("clip", before, after, trials)) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(5, 0, "needed"), (5, 5, "not needed"), (5, 3, "open"), (3, 0, "open"), (0, 5, "not needed")],
)
def test_needed_if_it_fails_without(compared: Compared, before: int, after: int, expected: Need) -> None:
    assert need(compared("no gradient clipping", before, after)) == expected


def test_cause_is_confirmed_if_only_its_fix_works(
    compared: Compared,
) -> None:
    found = confirmations(
        [
            compared("layer_norm", 0, 5, cause=DEPTH),
            compared("residual", 0, 3, cause=DEPTH),
            compared("chrono", 0, 0, cause=TIME),
        ]
    )
    assert [(one.cause, one.status) for one in found] == [(DEPTH, "confirmed"), (TIME, "refuted")]
    assert "works: layer norm" in found[0].reason
    assert "does not work: chrono biases" in found[0].reason


def test_fix_of_two_causes_confirms_neither(compared: Compared) -> None:
    """Orthogonal weights are a remedy of both causes."""
    found = confirmations(
        [compared("layer_norm", 0, 5, cause=DEPTH), compared("orthogonal", 0, 0, cause=TIME)]
    )
    assert [one.status for one in found if one.cause == DEPTH] == ["suspected"]


def test_nothing_is_confirmed_if_everything_helps(compared: Compared) -> None:
    found = confirmations([compared("layer_norm", 0, 5, cause=DEPTH), compared("chrono", 0, 5, cause=TIME)])
    assert {one.status for one in found} == {"suspected"}


def test_cause_is_refuted_if_only_other_fixes_work(compared: Compared) -> None:
    tried = [
        compared("layer_norm", 0, 0, cause=DEPTH),
        compared("residual", 0, 0, cause=DEPTH),
        compared("chrono", 0, 5, cause=TIME),
    ]
    assert [one.status for one in confirmations(tried)] == ["refuted", "confirmed"]
    undecided = [*tried, compared("orthogonal", 0, 3, cause=DEPTH)]
    assert confirmations(undecided)[0].status == "suspected"


@pytest.mark.parametrize("after", [0, 3])
def test_undecided_cause_is_suspected(compared: Compared, after: int) -> None:
    (found,) = confirmations([compared("layer_norm", 0, after, cause=DEPTH)])
    assert found.status == "suspected"


def test_no_confirmation_without_a_cause(compared: Compared) -> None:
    tried = [compared("layer_norm", 0, 5, cause="unknown"), compared("clip", 0, 0)]
    assert confirmations(tried) == []


def test_control_confirms_nothing(compared: Compared) -> None:
    tried = [
        compared("every_step_labels", 0, 5, cause="no_signal"),
        compared("clip", 0, 0, cause="oscillating"),
    ]
    assert confirmations(tried)[0].status == "suspected"
    (line,) = control_lines(tried)
    assert "the capacity suffices" in line
    assert control_lines([compared("every_step_labels", 0, 0)]) == []


def test_zero_rate_separates_bugs_from_large_steps(compared: Compared) -> None:
    finite = compared("zero_rate", 0, 0, 1, cause="diverged")
    broken = replace(finite, num_nonfinite=1)
    assert (verdict(finite), verdict(broken)) == ("finite", "not finite")
    assert "steps were too large" in control_lines([finite])[0]
    assert "a bug in data or network" in control_lines([broken])[0]
    assert verdict(compared("zero_rate", 0, 0, 0)) == "open"
