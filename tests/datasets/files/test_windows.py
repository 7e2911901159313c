"""Windows of series: none reaches over a border."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Series, SeriesSet
from failmap.datasets.files.windows import MAX_WINDOWS, Windows, cut_windows


def series_of(*lengths: int, times: bool = False) -> SeriesSet:
    """Series whose only feature is which series and step it is."""
    return SeriesSet(
        tuple(
            Series((1000.0 * index + np.arange(length))[:, None], np.arange(length) if times else None)
            for index, length in enumerate(lengths)
        ),
        num_targets=1,
        features=("0",),
    )


def cut(series: SeriesSet, history: int, horizon: int, **values: Any) -> Windows:
    config = ArrayFileConfig(
        path="my.npz", target="forecasting", sequence_length=history, horizon=horizon, **values
    )
    return cut_windows(series, config)


def covered(windows: Windows) -> list[set[float]]:
    """What the windows of each part show or ask for."""
    parts = windows.parts
    return [
        {windows.values[start + step, 0] for start in starts for step in range(windows.span)}
        for starts in (parts.train, parts.validation, parts.test)
    ]


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 200), min_size=1, max_size=4),
    history=st.integers(1, 12),
    horizon=st.integers(1, 5),
    times=st.booleans(),
)
def test_no_window_reaches_over_a_border(lengths: list[int], history: int, horizon: int, times: bool) -> None:
    try:
        windows = cut(series_of(*lengths, times=times), history, horizon)
    except TaskError:  # nothing was left for a part
        return
    parts = covered(windows)
    train, validation, test = parts
    assert not train & validation
    assert not train & test
    assert not validation & test
    for starts in (windows.parts.train, windows.parts.validation, windows.parts.test):
        for start in starts:
            steps = windows.values[start : start + history + horizon, 0]
            assert (np.diff(steps) == 1).all(), "within one series"
    for index in range(len(lengths)):
        own = [[step % 1000 for step in part if step // 1000 == index] for part in parts]
        assert max(own[0], default=-1) < min(own[1], default=1000)
        assert max(own[0] + own[1], default=-1) < min(own[2], default=1000)


@settings(max_examples=50, deadline=None)
@given(length=st.integers(80, 200), history=st.integers(1, 5))
def test_every_window_within_a_part_is_there(length: int, history: int) -> None:
    parts = cut(series_of(length), history, 1).parts
    first, second = parts.validation[0], parts.test[0]
    assert (first, second) == pytest.approx((0.7 * length, 0.8 * length), abs=0.51)
    assert sorted(parts.train.tolist()) == list(range(first - history))
    assert parts.validation.tolist() == list(range(first, second - history))
    assert parts.test.tolist() == list(range(second, length - history))


def test_series_with_times_share_their_borders() -> None:
    late = Series(5000.0 + np.arange(20)[:, None], np.arange(80, 100))
    early = series_of(100, times=True).series[0]
    windows = cut(SeriesSet((early, late), 1, ("0",)), 2, 1, test_share=0.2)
    train, validation, _ = covered(windows)
    assert not [step for step in train | validation if step >= 5010], "its later half is the test's"


def test_series_can_be_split_as_groups() -> None:
    windows = cut(series_of(*[20] * 10), 3, 1, split="group")
    owners = [{step // 1000 for step in part} for part in covered(windows)]
    assert list(map(len, owners)) == [7, 1, 2]
    assert len(set.union(*owners)) == 10


def test_shuffled_windows_need_permission() -> None:
    with pytest.raises(TaskError, match="is ordered in time"):
        cut(series_of(100), 3, 1, split="random")
    parts = cut(series_of(100), 3, 1, split="random", allow_leakage=True).parts
    assert sorted([*parts.train, *parts.validation, *parts.test]) == list(range(97))


def test_held_out_windows_are_thinned_evenly() -> None:
    parts = cut(series_of(50_000), 3, 1).parts
    assert len(parts.test) == MAX_WINDOWS
    assert set(np.diff(parts.test)) <= {2, 3}
    assert len(parts.train) > 30_000


def test_short_series_are_refused() -> None:
    with pytest.raises(TaskError, match=r"task\.horizon=5 need 25 steps in a row, .* has 100"):
        cut(series_of(100), 20, 5)
