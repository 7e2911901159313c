"""Rules by which trainings are hopeless, on curves whose end is known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failmap.search.futility.calibration import Curve, calibrate
from failmap.search.futility.features import NUM_FEATURES, features
from failmap.search.futility.forest import Forest
from failmap.search.futility.rule import Rule, first_look

NUM_EVALUATIONS = 20
Random = np.random.Generator


def rising(random: Random, start: int) -> Curve:
    """Return a training that rises from an evaluation on, and learns four later."""
    scores = 0.05 * random.standard_normal(start + 4)
    scores[start:] = [0.3, 0.6, 0.9, 0.97]
    losses = np.exp(-scores) + 0.01 * random.standard_normal(len(scores)) ** 2
    return Curve(int(random.integers(20)), tuple(scores), tuple(losses), has_learned=True)


def flat(random: Random) -> Curve:
    """Return a training that stays at chance."""
    scores = 0.05 * random.standard_normal(NUM_EVALUATIONS)
    return Curve(int(random.integers(20)), tuple(scores), tuple(np.exp(-scores)), has_learned=False)


def trained(seed: int, num: int, latest_start: int) -> list[Curve]:
    """Return as many trainings of both kinds."""
    random = np.random.default_rng(seed)
    return [
        curve
        for _ in range(num)
        for curve in (rising(random, int(random.integers(1, latest_start))), flat(random))
    ]


def stopped_at(rule: Rule, curve: Curve) -> int | None:
    """Return the evaluation at which a rule ends a training, or None."""
    return rule.stops_at(curve.scores, curve.losses)


@pytest.fixture(scope="module")
def rule() -> Rule:
    """Return a rule for trainings that rise before half of their evaluations, or never."""
    found = calibrate(trained(0, num=60, latest_start=9), NUM_EVALUATIONS, max_wrong=0.02)
    assert found is not None
    return found


def test_flat_trainings_are_stopped_after_the_last_that_rise(rule: Rule) -> None:
    """New ones of the same kind: hardly one that learns is stopped, and nearly all others are, in time."""
    new = trained(1, num=150, latest_start=9)
    wrong = [curve for curve in new if curve.has_learned and stopped_at(rule, curve)]
    ends = [stopped_at(rule, curve) for curve in new if not curve.has_learned]
    assert len(wrong) <= 4
    assert sum(end is not None for end in ends) > 120
    assert np.median([end or NUM_EVALUATIONS for end in ends]) < 16


def test_what_is_out_of_bag_holds_for_new_trainings(rule: Rule) -> None:
    """The saved share that a rule claims is about what it saves of others."""
    new = [curve for curve in trained(2, num=150, latest_start=9) if not curve.has_learned]
    saved = [1 - (stopped_at(rule, curve) or NUM_EVALUATIONS) / NUM_EVALUATIONS for curve in new]
    assert rule.saved == pytest.approx(np.mean(saved), abs=0.1)
    assert rule.wrong / rule.stopped <= rule.p_learn <= 0.02


def test_nothing_is_stopped_before_a_fifth_of_its_updates(rule: Rule) -> None:
    """Not even a training that is all but sure to fail."""
    curve = trained(4, num=1, latest_start=9)[1]
    look = first_look(NUM_EVALUATIONS)
    certain = replace(rule, threshold=1.0)
    answers = [certain.is_hopeless(curve.scores[:end], curve.losses[:end]) for end in (1, look - 1, look)]
    assert answers == [False, False, True]
    assert certain.stops_at(curve.scores, curve.losses) == look
    assert certain.stops_at(curve.scores[:look], curve.losses[:look]) is None


def test_sudden_jumps_leave_nothing_to_stop() -> None:
    """Where trainings rise from the same plateau until the end, hardly any update is saved."""
    jumps = trained(0, num=60, latest_start=NUM_EVALUATIONS - 4)
    found = calibrate(jumps, NUM_EVALUATIONS, max_wrong=0.02)
    assert found is None or found.saved < 0.25


def test_few_curves_make_no_rule() -> None:
    """No stop of 20 was wrong: one in fifty may still be."""
    curves = trained(0, num=20, latest_start=5)
    assert calibrate(curves, NUM_EVALUATIONS, max_wrong=0.02) is None
    assert calibrate(curves, NUM_EVALUATIONS, max_wrong=0.05) is not None


def test_few_that_learn_are_not_given_up() -> None:
    """To stop all would be wrong in 3 of 123 stops, and for each of the three that learn."""
    random = np.random.default_rng(0)
    curves = [*(flat(random) for _ in range(120)), *(rising(random, 14) for _ in range(3))]
    assert calibrate(curves, NUM_EVALUATIONS, max_wrong=0.05) is None


@pytest.mark.parametrize("kind", [0, 1])
def test_one_kind_of_curve_makes_no_rule(kind: int) -> None:
    """Where all learn, or none, nothing can be told apart."""
    assert calibrate(trained(0, num=60, latest_start=9)[kind::2], NUM_EVALUATIONS, max_wrong=0.5) is None


def test_curve_stands_for_as_many_as_its_weight() -> None:
    """A hopeless curve that learned counts ten times if it stands for ten: the rule must save less."""
    random = np.random.default_rng(0)
    common = trained(0, num=60, latest_start=5)
    late = [rising(random, 14) for _ in range(3)]
    light, heavy = (
        calibrate([*common, *(replace(one, weight=weight) for one in late)], NUM_EVALUATIONS, 0.1)
        for weight in (1.0, 10.0)
    )
    assert light is not None
    assert heavy is None or heavy.saved < light.saved


def test_rule_survives_its_file(rule: Rule) -> None:
    """The same numbers, and the same decisions."""
    again = Rule.from_bytes(rule.to_bytes())
    assert (again.threshold, again.stopped, again.wrong) == (rule.threshold, rule.stopped, rule.wrong)
    curve = trained(3, num=1, latest_start=9)[1]
    np.testing.assert_array_equal(
        again.probabilities(curve.scores, curve.losses), rule.probabilities(curve.scores, curve.losses)
    )


@given(st.data())
def test_damaged_file_is_no_rule(rule: Rule, data: st.DataObject) -> None:
    """Some bytes of it changed, or its end missing: it is refused, or is a rule that can be asked."""
    content = bytearray(rule.to_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    try:
        found = Rule.from_bytes(bytes(content[:end]))
    except ValueError:
        return
    assert isinstance(found.is_hopeless([0.1] * 10, [0.5] * 10), bool)


@pytest.mark.parametrize(
    ("name", "index", "value"), [("left", 0, 0), ("right", 0, 10**6), ("roots", 1, -5), ("feature", 0, 99)]
)
def test_trees_that_never_end_are_refused(rule: Rule, name: str, index: int, value: int) -> None:
    """A child that is its own parent, and indices outside."""
    arrays = {key: one.copy() for key, one in rule.forest.arrays().items()}
    arrays[name][index] = value
    with pytest.raises(ValueError, match="not a rule"):
        Rule.from_bytes(replace(rule, forest=Forest(**arrays)).to_bytes())


def test_calibration_repeats_itself() -> None:
    """The same curves give the same rule, on any machine."""
    curves = trained(0, num=30, latest_start=5)
    first, second = (calibrate(curves, NUM_EVALUATIONS, 0.05) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.to_bytes() == second.to_bytes()


@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.none() | st.floats(0, 1e6)), min_size=1, max_size=NUM_EVALUATIONS
    ),
)
def test_features_look_at_the_past_only(curve: list[tuple[float, float | None]]) -> None:
    """A row is the same whatever comes after it, and finite whatever the losses are."""
    scores, losses = zip(*curve, strict=True)
    whole = features(scores, losses, NUM_EVALUATIONS)
    assert whole.shape == (len(curve), NUM_FEATURES)
    assert np.isfinite(whole).all()
    for end in range(1, len(curve) + 1):
        assert_same(features(scores[:end], losses[:end], NUM_EVALUATIONS)[-1], whole[end - 1])


def assert_same(one: Sequence[float], other: Sequence[float]) -> None:
    """Slopes over all evaluations depend on the number of them only through the window."""
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_forty_nine_right_stops_show_one_percent() -> None:
    """By Jeffreys' prior half a wrong stop is left in fifty; ten that stand for ten each are ten."""
    curves = trained(0, num=60, latest_start=5)
    found = calibrate(curves, NUM_EVALUATIONS, 0.02)
    assert found is not None
    assert found.wrong == 0
    assert found.p_learn == pytest.approx(0.5 / (found.stopped + 1))
    heavy = calibrate([replace(one, weight=10.0) for one in curves], NUM_EVALUATIONS, 0.02)
    assert heavy is not None
    assert heavy.stopped == 10 * found.stopped
    assert heavy.p_learn == pytest.approx(found.p_learn)
