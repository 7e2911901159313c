"""Seasons, and levels of simple forecasts."""

from pathlib import Path

import numpy as np
import pytest

from failmap.datasets import build_task
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.files.forecast_levels import LAST_SEASON, LAST_VALUE, LINEAR, NEIGHBOURS, known_levels
from failmap.datasets.files.seasons import longest_run, season_of
from failmap.datasets.task import Task

STEPS = np.arange(1500)
NOISE = np.random.RandomState(0).normal(size=1500)


@pytest.mark.parametrize("period", [4, 7, 24, 168])
@pytest.mark.parametrize("trend", [0.0, 0.05])
def test_a_season_is_found_whatever_the_trend(period: int, trend: float) -> None:
    wave = np.sin(STEPS / period * 2 * np.pi) + trend * STEPS + 0.2 * NOISE
    assert season_of(wave[:, None]) == pytest.approx(period, abs=1)


@pytest.mark.parametrize("values", [NOISE, NOISE.cumsum(), 0.1 * STEPS, np.zeros(1500), NOISE[:8]])
def test_no_season_is_seen_where_there_is_none(values: np.ndarray) -> None:
    assert season_of(values[:, None]) == 0


def test_random_walks_have_no_season() -> None:
    walks = np.random.RandomState(1).normal(size=(2000, 40)).cumsum(axis=0)
    assert sum(season_of(walk[:, None]) > 0 for walk in walks.T) <= 2


def test_the_longest_run_is_of_one_series() -> None:
    run = longest_run(np.array([0, 1, 2, 3, 4, 7, 8]), np.array([0, 0, 1, 1, 1, 1, 1]))
    assert run.tolist() == [2, 3, 4]


def forecast(folder: Path, values: np.ndarray, history: int) -> Task:
    np.savez(folder / "my.npz", series=values)
    return build_task(
        ArrayFileConfig(path=str(folder / "my.npz"), target="forecasting", sequence_length=history)
    )


def test_a_season_that_is_shown_can_be_repeated(tmp_path: Path) -> None:
    wave = np.sin(STEPS / 24 * 2 * np.pi) + 0.1 * NOISE
    long, short = (forecast(tmp_path, wave, history) for history in (24, 23))
    assert long.season == short.season == 24
    assert long.baseline_errors[LAST_SEASON] == pytest.approx(2 * 0.01 / wave[:1000].var(), rel=0.3)
    assert LAST_SEASON not in short.baseline_errors


def test_neighbours_predict_a_chaotic_map_that_no_line_does(tmp_path: Path) -> None:
    values = [0.3]
    for _ in range(1500):
        values.append(3.99 * values[-1] * (1 - values[-1]))
    task = forecast(tmp_path, np.array(values), 4)
    assert task.baseline_errors[LINEAR] > 0.9 * task.chance.metric
    assert task.baseline_errors[NEIGHBOURS] < 0.05 * task.chance.metric


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_error_shift_is_the_ratio_of_the_variances(tmp_path: Path, factor: float) -> None:
    values = NOISE * np.where(STEPS < 1050, 1.0, factor)
    task = forecast(tmp_path, values, 8)
    assert task.error_shift == pytest.approx(factor**2, rel=0.25)


def test_nothing_beats_the_last_value_of_a_random_walk(tmp_path: Path) -> None:
    task = forecast(tmp_path, NOISE.cumsum(), 12)
    for fitted in (LINEAR, NEIGHBOURS):
        assert task.baseline_errors[fitted] > 0.98 * task.baseline_errors[LAST_VALUE]
    assert LAST_VALUE in {level.name for level in task.partial_solutions}


def test_nothing_beats_the_mean_of_noise(tmp_path: Path) -> None:
    task = forecast(tmp_path, NOISE, 12)
    assert min(task.baseline_errors.values()) > 0.98 * task.chance.metric
    assert all(level.metric < task.chance.metric for level in task.partial_solutions)


def test_a_linear_process_is_predicted_linearly(tmp_path: Path) -> None:
    values = NOISE.copy()
    for step in range(2, 1500):
        values[step] += 1.2 * values[step - 1] - 0.7 * values[step - 2]
    task = forecast(tmp_path, values, 12)
    assert task.baseline_errors[LINEAR] == pytest.approx(1 / values[:1000].var(), rel=0.2)


def test_levels_lie_between_chance_and_criterion_the_worst_first() -> None:
    errors = {LAST_VALUE: 0.5, LAST_SEASON: 0.7, LINEAR: 0.2, "worse than chance": 1.1}
    levels = known_levels(errors, chance=1.0, target=0.4)
    assert [(level.name, level.metric, level.loss) for level in levels] == [
        (LAST_SEASON, 0.7, 0.7),
        (LAST_VALUE, 0.5, 0.5),
    ]
