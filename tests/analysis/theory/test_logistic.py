"""The fit finds what data were drawn from, keeps signs, and is the same behind JSON."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.special import expit

from failmap.analysis.theory.logistic import Logistic


def drawn(weight: float, count: int = 400) -> tuple[list[dict[str, float]], list[int]]:
    """Cells whose log odds are weight times x; y is noise. A hundred trainings each."""
    generator = np.random.default_rng(0)
    rows = [{"x": float(x), "y": float(y)} for x, y in generator.normal(size=(count, 2))]
    return rows, [int(generator.binomial(100, expit(weight * row["x"]))) for row in rows]


def test_finds_the_weights_that_the_data_were_drawn_from() -> None:
    rows, learned = drawn(weight=1.5)
    fit = Logistic.fit(rows, learned, [100] * len(rows), {"x": 0, "y": 0})
    slope = (fit.log_odds({"x": 1, "y": 0}) - fit.log_odds({"x": 0, "y": 0})) / 1
    assert slope == pytest.approx(1.5, abs=0.05)
    assert fit.probability({"x": 0, "y": 0}) == pytest.approx(0.5, abs=0.02)


def test_a_weight_keeps_its_sign_whatever_the_data_say() -> None:
    rows, learned = drawn(weight=-1.5)
    fit = Logistic.fit(rows, learned, [100] * len(rows), {"x": 1, "y": 0})
    assert fit.weights[0] == 0


def test_levels_leave_to_the_weights_what_happens_within_groups() -> None:
    # In each group more x helps; the group with more x is the harder one.
    rows = [{"x": x + 10 * group} for group in (0, 1) for x in (0.0, 1.0, 2.0, 3.0)]
    learned = [10, 30, 70, 90] * 2
    learned[4:] = [2, 8, 30, 70]
    groups = [row["x"] >= 10 for row in rows]
    pooled = Logistic.fit(rows, learned, [100] * 8, {"x": 0})
    levelled = Logistic.fit(rows, learned, [100] * 8, {"x": 0}, levels=[groups])
    assert pooled.weights[0] < 0 < levelled.weights[0]


def test_a_number_that_never_varies_changes_nothing() -> None:
    rows, learned = drawn(weight=1.0)
    fit = Logistic.fit([{**row, "y": 7.0} for row in rows], learned, [100] * len(rows), {"x": 0, "y": 0})
    assert fit.weights[1] == pytest.approx(0)


def test_is_the_same_behind_json() -> None:
    fit = Logistic(("x",), (1.0,), (2.0,), (0.5,), -1.0)
    assert Logistic.from_dict(json.loads(json.dumps(asdict(fit)))) == fit
    assert fit.log_odds({"x": 5.0}) == pytest.approx(0.0)
