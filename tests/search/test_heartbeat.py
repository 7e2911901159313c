"""Who has been silent for too long, by a clock that the test moves."""

from hypothesis import given
from hypothesis import strategies as st

from failmap.search.heartbeat import Heartbeats


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def listen(silence: Heartbeats[str], clock: Clock, seconds: int) -> list[str]:
    """The driver looks twice a second."""
    silent = []
    for _ in range(2 * seconds):
        clock.seconds += 0.5
        silent += silence.timed_out()
    return silent


def test_only_what_runs_and_was_not_heard_is_broken_off_and_once() -> None:
    clock = Clock()
    silence = Heartbeats[str](60, clock)
    silence.hear("hangs")
    silence.hear("reports")
    silence.hear("ends")
    assert listen(silence, clock, 59) == []
    silence.hear("reports")
    silence.forget("ends")
    assert listen(silence, clock, 2) == ["hangs"]
    assert listen(silence, clock, 57) == []
    assert listen(silence, clock, 2) == ["reports"]


def test_a_driver_that_did_not_listen_blames_no_trial_for_it() -> None:
    """It waits for a storage that fails, say, and the results of all trials wait for it."""
    clock = Clock()
    silence = Heartbeats[str](60, clock)
    silence.hear("reports")
    clock.seconds = 3600
    assert silence.timed_out() == []
    silence.hear("reports")
    assert listen(silence, clock, 59) == []
    assert listen(silence, clock, 2) == ["reports"]


@given(st.lists(st.floats(0, 1e6)))
def test_without_a_limit_nothing_is_ever_broken_off(moments: list[float]) -> None:
    clock = Clock()
    silence = Heartbeats[int](None, clock)
    for number, clock.seconds in enumerate(moments):
        silence.hear(number)
        assert silence.timed_out() == []
