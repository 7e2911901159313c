"""Timeouts of trials by a clock that the test moves."""

import math

from hypothesis import given
from hypothesis import strategies as st

from failmap.search.cluster.heartbeat import Heartbeats


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def poll(heartbeats: Heartbeats[str], clock: Clock, seconds: int) -> list[str]:
    """Poll twice a second, and return the trials that timed out."""
    silent = []
    for _ in range(2 * seconds):
        clock.seconds += 0.5
        silent += heartbeats.timed_out()
    return silent


def test_silent_trials_time_out_once() -> None:
    clock = Clock()
    heartbeats = Heartbeats[str](60, clock)
    heartbeats.beat("hangs")
    heartbeats.beat("reports")
    heartbeats.beat("ends")
    assert poll(heartbeats, clock, 59) == []
    heartbeats.beat("reports")
    heartbeats.remove("ends")
    assert poll(heartbeats, clock, 2) == ["hangs"]
    assert poll(heartbeats, clock, 57) == []
    assert poll(heartbeats, clock, 2) == ["reports"]


def test_time_without_polling_does_not_count() -> None:
    clock = Clock()
    heartbeats = Heartbeats[str](60, clock)
    heartbeats.beat("reports")
    clock.seconds = 3600
    assert heartbeats.timed_out() == []
    heartbeats.beat("reports")
    assert poll(heartbeats, clock, 59) == []
    assert poll(heartbeats, clock, 2) == ["reports"]


@given(st.lists(st.floats(0, 1e6)))
def test_no_limit_never_times_out(moments: list[float]) -> None:
    clock = Clock()
    heartbeats = Heartbeats[int](math.inf, clock)
    for number, clock.seconds in enumerate(moments):
        heartbeats.beat(number)
        assert heartbeats.timed_out() == []
