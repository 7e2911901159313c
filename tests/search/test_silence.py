"""Who has been silent for too long, by a clock that the test moves."""

from hypothesis import given
from hypothesis import strategies as st

from search.silence import Silence


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_only_what_runs_and_was_not_heard_is_broken_off_and_once() -> None:
    clock = Clock()
    silence = Silence[str](60, clock)
    silence.hear("hangs")
    silence.hear("reports")
    silence.hear("ends")
    clock.seconds = 59
    assert silence.broken_off() == []
    silence.hear("reports")
    silence.forget("ends")
    clock.seconds = 61
    assert silence.broken_off() == ["hangs"]
    assert silence.broken_off() == []
    clock.seconds = 200
    assert silence.broken_off() == ["reports"]


@given(st.lists(st.floats(0, 1e6)))
def test_without_a_limit_nothing_is_ever_broken_off(moments: list[float]) -> None:
    clock = Clock()
    silence = Silence[int](None, clock)
    for number, clock.seconds in enumerate(moments):
        silence.hear(number)
        assert silence.broken_off() == []
