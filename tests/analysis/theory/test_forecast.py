"""forecast.json: written, read, laid over the measured map."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from failmap.analysis.errors import UserError
from failmap.analysis.failure_map import build_map
from failmap.analysis.load import load_run
from failmap.analysis.reporting import build
from failmap.analysis.theory.features import SIGNALS
from failmap.analysis.theory.fit import Fit, shipped_fit
from failmap.analysis.theory.forecast import Forecast, read_forecast
from failmap.analysis.theory.on_map import forecast_on, laid_on

MakeForecast = Callable[..., Forecast]
HOPEFUL = dict.fromkeys(SIGNALS, 0.0)


def short_ones(length: int, depth: int) -> float:
    return 0.9 if length == 5 else 0.2


def test_is_read_as_it_was_written(tmp_path: Path, make_forecast: MakeForecast) -> None:
    forecast = make_forecast([5, 20], [1, 2], short_ones)
    path = forecast.write(tmp_path)
    assert read_forecast(tmp_path) == forecast
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_where_there_is_none_none_is_read(tmp_path: Path) -> None:
    assert read_forecast(tmp_path) is None


@pytest.mark.parametrize("text", ['{"schema": 1,', "[]", '{"schema": 99}', '{"schema": 1}'])
def test_a_broken_one_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "forecast.json").write_text(text)
    with pytest.raises(UserError, match=r"forecast\.json") as caught:
        read_forecast(tmp_path)
    assert len(caught.value.problems) == 1


def test_an_output_that_cannot_reach_its_targets_learns_nowhere(fit: Fit) -> None:
    assert fit.probability(HOPEFUL) > 0.5
    assert fit.probability({**HOPEFUL, "floor_share": 0.7}) == 0


def test_only_a_lead_that_is_no_accident_earns_a_place(fit: Fit) -> None:
    assert not fit.has_earned_its_place
    assert not Fit(fit.logistic, "", ()).has_earned_its_place


def test_the_shipped_fit_says_what_it_is(fit: Fit) -> None:
    shipped = shipped_fit()
    assert 0 < shipped.probability(HOPEFUL) < 1
    assert Fit.from_dict(shipped.to_dict()) == shipped
    assert {trial.left_out for trial in shipped.left_out} >= {"a task", "a network"}


def test_line_and_area_on_the_measured_map(make_run: Any, make_forecast: MakeForecast) -> None:
    run = make_run(lengths=(5, 20), depths=(1, 2))
    for depth in (1, 2):
        run.trials(4, 0, 5, depth)
        run.trials(0, 4, 20, depth)
    failure_map = build_map(load_run(run.folder))
    laid = laid_on(failure_map, make_forecast([5, 20], [1, 2], short_ones))
    assert laid.lines == {(): [((1, 0), (1, 1)), ((1, 1), (1, 2))]}
    assert laid.areas["forecast"].value == 1
    assert laid.areas["shorter first"].value == 1
    assert laid.areas["shallower first"].value == 0.5
    assert "AUROC on the 4 cells tried: forecast 1.00" in laid.line_words


def test_rows_are_laid_as_the_map_draws_them(make_run: Any, make_forecast: MakeForecast) -> None:
    run = make_run(lengths=(5, 20), depths=(1, 2))
    laid = laid_on(
        build_map(load_run(run.folder)),
        make_forecast([5, 20], [1, 2], lambda length, depth: 0.9 if depth == 1 or length == 5 else 0.1),
    )
    # Depth 1 is the bottom row; of depth 2 only the first column is expected to learn.
    assert set(laid.lines[()]) == {((1, 1), (1, 2)), ((1, 1), (2, 1))}
    assert laid.areas == {}
    assert "AUROC" not in laid.line_words


def test_the_report_draws_the_line_and_says_how_far_to_believe_it(
    make_run: Any, make_forecast: MakeForecast
) -> None:
    run = make_run(lengths=(5, 20), depths=(1, 2))
    run.trials(4, 0, 5, 1)
    run.trials(0, 4, 20, 1)
    without = build(run.folder)
    picture = (run.folder.report / "failure_map.png").read_bytes()
    assert "foretold" not in without.page.read_text()
    make_forecast([5, 20], [1, 2], short_ones).write(run.folder.path)
    page = build(run.folder).page.read_text()
    assert "foretold at initialization; AUROC on the 2 cells tried: forecast 1.00" in page
    assert "was not ahead of the best simple order" in page
    assert (run.folder.report / "failure_map.png").read_bytes() != picture


def test_cells_that_came_later_have_no_forecast(make_run: Any, make_forecast: MakeForecast) -> None:
    run = make_run(lengths=(5, 20, 40), depths=(1, 2))
    make_forecast([5, 20], [1, 2], short_ones).write(run.folder.path)
    laid = forecast_on(build_map(load_run(run.folder)), run.folder.path)
    assert laid is not None
    assert laid.lines == {(): [((1, 0), (1, 1)), ((1, 1), (1, 2))]}
