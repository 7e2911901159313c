"""Curves of losses are told apart."""

import math

from hypothesis import given
from hypothesis import strategies as st

from failmap.search.preflight.rates import course, target_loss


def kind(losses: list[float], floor: float = 0.0) -> str:
    return course(losses, blind=0.7, floor=floor).kind


def test_each_course_has_its_name() -> None:
    assert kind([0.7 * 0.9**update for update in range(60)]) == "overfitted"
    assert kind([0.7, 5.0, math.inf]) == "explodes"
    assert kind([0.7 + update for update in range(60)]) == "goes up"
    assert kind([0.7 * 0.995**update for update in range(100)]) == "falling"
    assert kind([0.5 + 0.3 * (-1) ** update for update in range(60)]) == "oscillates"
    assert kind([0.7] * 60) == "flat at chance"
    assert kind([0.4] * 60) == "flat"
    assert kind([0.42] * 60, floor=0.41) == "overfitted"
    assert kind([0.7, 0.6]) == "too few"


def test_a_floor_close_to_chance_is_not_chance() -> None:
    assert course([0.63] * 60, blind=0.693, floor=0.62).kind == "at the floor"


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=200), st.floats(0.1, 10), st.floats(0, 0.09))
def test_any_curve_has_a_course(losses: list[float], blind: float, floor: float) -> None:
    seen = course(losses, blind, floor)
    assert (seen.kind == "overfitted") == (
        min(losses[-max(1, len(losses) // 5) :]) <= target_loss(blind, floor)
    )


@given(st.lists(st.floats(0.5, 1.0), min_size=30, max_size=100), st.integers(0, 99))
def test_one_infinity_is_an_explosion(losses: list[float], place: int) -> None:
    losses[place % len(losses)] = math.inf
    assert course(losses, 0.7, 0.0).kind == "explodes"
